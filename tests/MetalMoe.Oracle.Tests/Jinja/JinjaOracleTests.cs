using System.Text;
using MetalMoe.Core.Text.Jinja;
using NUnit.Framework;

namespace MetalMoe.Oracle.Tests.Jinja;

/// <summary>
/// Every chat template of llama.cpp's collection, with conversations of every kind, rendered by
/// us and by others: the texts, or the fact that there is none, must be the same.
/// </summary>
[TestFixture]
public sealed class JinjaOracleTests
{
    private TemplateCorpus _corpus = null!;
    private Outcome[] _ours = null!;

    [OneTimeSetUp]
    public void RenderAll()
    {
        Peers.Require();
        _corpus = TemplateCorpus.Load();
        _ours = _corpus.Render();
    }

    [Test]
    public void Templates_render_as_huggingface_jinja_renders_them()
    {
        if (!Directory.Exists(Path.Combine(Peers.NodeModules, "@huggingface", "jinja")))
        {
            Assert.Ignore("@huggingface/jinja not installed; remedy: run tests/peers/install.sh");
        }
        string script = Path.Combine(TemplateCorpus.Folder, "render.mjs");
        var peer = TemplateJudge.Run("node", [script, Peers.NodeModules], _corpus, _corpus.Cases);
        if (peer is null)
        {
            Assert.Ignore("node is not installed");
        }
        int[] explained = new int[PeerDeviation.Known.Length];
        var failures = new List<int>();
        for (int i = 0; i < _ours.Length; i++)
        {
            if (_ours[i].Agrees(peer![i]))
            {
                continue;
            }
            int reason = Array.FindIndex(
                PeerDeviation.Known, d => d.Fits(_corpus.Cases[i], _ours[i], peer[i]));
            if (reason < 0)
            {
                failures.Add(i);
            }
            else
            {
                explained[reason]++;
            }
        }
        Print("@huggingface/jinja", peer!, failures.Count + explained.Sum());
        for (int i = 0; i < explained.Length; i++)
        {
            TestContext.Out.WriteLine(
                $"  {explained[i]} where the peer {PeerDeviation.Known[i].Reason}");
        }
        Assert.Multiple(() =>
        {
            Assert.That(failures, Is.Empty, Describe(failures, peer!));
            Assert.That(explained, Has.None.Zero, "a known deviation explains nothing any more");
        });
    }

    [Test]
    public void Templates_render_as_Jinja2_renders_them()
    {
        string script = Path.Combine(TemplateCorpus.Folder, "render.py");
        var peer = TemplateJudge.Run("python3", [script], _corpus, _corpus.Cases);
        if (peer is null)
        {
            Assert.Ignore("python3 with jinja2 is not installed");
        }
        var differences = Enumerable.Range(0, _ours.Length)
            .Where(i => !_ours[i].Agrees(peer![i]))
            .ToList();
        // Jinja2's `safe` makes the text that follows `+` HTML even where nothing is escaped; no
        // other engine that runs chat templates does so, and this template did not mean it.
        var failures = differences
            .Where(i => _corpus.Cases[i].Template != "meetkai-functionary-medium-v3.1"
                || peer![i].Text?.Contains("&#34;") != true)
            .ToList();
        Print("Jinja2", peer!, differences.Count);
        Assert.That(failures, Is.Empty, Describe(failures, peer!));
    }

    [Test]
    public void Typed_conversations_render_as_their_json()
    {
        int compared = 0;
        for (int i = 0; i < _ours.Length; i++)
        {
            var one = _corpus.Cases[i];
            if (TypedConversation.Read(_corpus.Variables[one.VariablesIndex]) is not { } typed)
            {
                continue;
            }
            var template = JinjaTemplate.Parse(
                _corpus.Templates[one.TemplateIndex].Source, one.Template);
            Outcome outcome;
            try
            {
                var chat = new JinjaChatTemplate(
                    template, null, "<s>", "</s>", clock: TemplateCorpus.Clock);
                outcome = new Outcome(chat.Render(typed.Messages, typed.Options), null);
            }
            catch (JinjaException error)
            {
                outcome = new Outcome(null, error.Message);
            }
            Assert.That(outcome, Is.EqualTo(_ours[i]), one.ToString());
            compared++;
        }
        TestContext.Out.WriteLine($"{compared} typed conversations render as their JSON does");
        Assert.That(compared, Is.GreaterThan(2000));
    }

    private void Print(string name, Outcome[] peer, int different)
    {
        int raised = Enumerable.Range(0, peer.Length)
            .Count(i => _ours[i].Error is not null && peer[i].Error is not null);
        TestContext.Out.WriteLine(
            $"{name}: {_corpus.Templates.Count} templates x {_corpus.Variables.Count} "
            + $"conversations = {peer.Length} compared: "
            + $"{peer.Length - different - raised} identical, {raised} raised by both, "
            + $"{different} explained or different");
    }

    /// <summary>The first few failures, each from where it starts to differ.</summary>
    private string Describe(List<int> failures, Outcome[] peer)
    {
        var report = new StringBuilder($"{failures.Count} differences\n");
        foreach (int i in failures.Take(10))
        {
            string ours = _ours[i].Text ?? $"(raised) {_ours[i].Error}";
            string theirs = peer[i].Text ?? $"(raised) {peer[i].Error}";
            int start = ours.AsSpan().CommonPrefixLength(theirs);
            report.AppendLine($"{_corpus.Cases[i]}, at character {start}:");
            report.AppendLine($"  ours: {Excerpt(ours, start)}");
            report.AppendLine($"  peer: {Excerpt(theirs, start)}");
        }
        return report.ToString();
    }

    private static string Excerpt(string text, int start)
    {
        int from = Math.Max(start - 30, 0);
        string part = text.Substring(from, Math.Min(120, text.Length - from));
        return part.Replace("\n", "\\n");
    }
}
