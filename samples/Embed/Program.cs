// Continues a text: dotnet run -- MODEL TEXT [MAX_TOKENS]
using MetalMoe;
using MetalMoe.Core.Runtime.Sampling;

if (args.Length < 2)
{
    Console.Error.WriteLine("usage: Embed MODEL TEXT [MAX_TOKENS]");
    return 2;
}
await using var model = await MoeModel.LoadAsync(args[0]);
await using var session = model.CreateSession();
session.Append(args[1]);
var options = new GenerationOptions
{
    MaxTokens = args.Length > 2 ? int.Parse(args[2]) : 64,
    Sampling = SamplingOptions.Greedy,
};
await foreach (var update in session.GenerateAsync(options))
{
    Console.Write(update.Text);
}
Console.WriteLine();
return 0;
