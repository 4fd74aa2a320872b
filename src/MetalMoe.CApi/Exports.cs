using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using MetalMoe.Core;

namespace MetalMoe.CApi;

/// <summary>
/// The functions of include/metalmoe_c.h, which is their documentation. Each one reads its
/// arguments, does its work inside <see cref="Call"/> and returns a status: no exception leaves
/// this class, because there is nobody on the other side who could catch it.
/// </summary>
internal static unsafe class Exports
{
    private const int AbiVersion = 1;

    private static readonly HandleTable<ModelEntry> Models = new("model");
    private static readonly HandleTable<SessionEntry> Sessions = new("session");

    [ThreadStatic]
    private static byte[]? t_lastError;

    [UnmanagedCallersOnly(EntryPoint = "metalmoe_abi_version", CallConvs = [typeof(CallConvCdecl)])]
    public static int GetAbiVersion() => AbiVersion;

    [UnmanagedCallersOnly(EntryPoint = "metalmoe_last_error", CallConvs = [typeof(CallConvCdecl)])]
    public static int CopyLastError(byte* buffer, int capacityBytes)
    {
        ReadOnlySpan<byte> text = t_lastError;
        if (buffer is not null && capacityBytes > 0)
        {
            int count = Math.Min(text.Length, capacityBytes - 1);
            // Never half a character: go back to where one begins.
            while (count > 0 && count < text.Length && (text[count] & 0xC0) == 0x80)
            {
                count--;
            }
            text[..count].CopyTo(new Span<byte>(buffer, count));
            buffer[count] = 0;
        }
        return text.Length;
    }

    [UnmanagedCallersOnly(
        EntryPoint = "metalmoe_load_options_init", CallConvs = [typeof(CallConvCdecl)])]
    public static void InitLoadOptions(LoadOptions* options)
    {
        if (options is not null)
        {
            *options = LoadOptions.Default;
        }
    }

    [UnmanagedCallersOnly(
        EntryPoint = "metalmoe_generate_options_init", CallConvs = [typeof(CallConvCdecl)])]
    public static void InitGenerateOptions(GenerateOptions* options)
    {
        if (options is not null)
        {
            *options = GenerateOptions.Default;
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "metalmoe_load", CallConvs = [typeof(CallConvCdecl)])]
    public static int Load(byte* path, LoadOptions* options, nint* model) => Call(() =>
    {
        string name = Utf8.Read(path) ?? throw CallException.Null("load", "path");
        if (model is null)
        {
            throw CallException.Null("load", "model");
        }
        var given = options is null ? LoadOptions.Default : *options;
        CheckSize("load", given.SizeBytes, sizeof(LoadOptions));
        if (name.Length == 0)
        {
            throw new MetalMoeException("[load] path: expected the name of a file, got none");
        }
        var loaded = MoeModel.LoadAsync(name, given.ToModelOptions()).GetAwaiter().GetResult();
        *model = Models.Add(new ModelEntry(loaded));
    });

    [UnmanagedCallersOnly(EntryPoint = "metalmoe_open", CallConvs = [typeof(CallConvCdecl)])]
    public static int Open(nint model, nint* session) => Call(() =>
    {
        if (session is null)
        {
            throw CallException.Null("open", "session");
        }
        *session = Sessions.Add(Models.Get("open", model).Open());
    });

    [UnmanagedCallersOnly(EntryPoint = "metalmoe_generate", CallConvs = [typeof(CallConvCdecl)])]
    public static int Generate(
        nint session, byte* text, GenerateOptions* options,
        delegate* unmanaged[Cdecl]<void*, byte*, int, int, int> callback, void* user,
        GenerateResult* result) => Call(() =>
    {
        string prompt = Utf8.Read(text) ?? throw CallException.Null("generate", "text");
        var given = options is null ? GenerateOptions.Default : *options;
        CheckSize("generate", given.SizeBytes, sizeof(GenerateOptions));
        var (reason, statistics) = Sessions.Get("generate", session).Generate(
            prompt, given.Flags, given.ToGenerationOptions(), Utf8.Read(given.Grammar),
            Utf8.Read(given.JsonSchema), (piece, token) => HandOut(callback, user, piece, token));
        if (result is not null)
        {
            *result = GenerateResult.From(reason, statistics);
        }
    });

    [UnmanagedCallersOnly(EntryPoint = "metalmoe_cancel", CallConvs = [typeof(CallConvCdecl)])]
    public static int Cancel(nint session) => Call(() => Sessions.Get("cancel", session).Cancel());

    [UnmanagedCallersOnly(EntryPoint = "metalmoe_reset", CallConvs = [typeof(CallConvCdecl)])]
    public static int Reset(nint session) => Call(() => Sessions.Get("reset", session).Reset());

    [UnmanagedCallersOnly(EntryPoint = "metalmoe_close", CallConvs = [typeof(CallConvCdecl)])]
    public static int Close(nint session) => Call(() =>
    {
        if (session != 0)
        {
            Sessions.Get("close", session).Close();
            Sessions.Remove(session);
        }
    });

    [UnmanagedCallersOnly(EntryPoint = "metalmoe_free", CallConvs = [typeof(CallConvCdecl)])]
    public static int Free(nint model) => Call(() =>
    {
        if (model != 0)
        {
            Models.Get("free", model).Free();
            Models.Remove(model);
        }
    });

    private static bool HandOut(
        delegate* unmanaged[Cdecl]<void*, byte*, int, int, int> callback, void* user,
        string piece, int token)
    {
        if (callback is null)
        {
            return true;
        }
        byte[] bytes = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(piece.Length) + 1);
        try
        {
            int count = Encoding.UTF8.GetBytes(piece, bytes);
            bytes[count] = 0;
            fixed (byte* text = bytes)
            {
                return callback(user, text, count, token) == 0;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private static void CheckSize(string function, uint sizeBytes, int expected)
    {
        if (sizeBytes != expected)
        {
            throw new CallException(Status.InvalidArgument,
                $"[{function}] options: expected size_bytes {expected}, got {sizeBytes} "
                + "(call the _init function; header and library must be of one version)");
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "Nothing may pass into native code.")]
    private static int Call(Action action)
    {
        try
        {
            action();
            return (int)Status.Ok;
        }
        catch (CallException error)
        {
            return Fail(error.Status, error.Message);
        }
        catch (OperationCanceledException)
        {
            return Fail(Status.Cancelled, "[generate] cancelled");
        }
        catch (Exception error) when (
            error is MetalMoeException or IOException or UnauthorizedAccessException)
        {
            return Fail(Status.Failed, error.Message);
        }
        catch (OutOfMemoryException)
        {
            return Fail(Status.OutOfMemory, "[memory] not enough; use a smaller context length");
        }
        catch (Exception error)
        {
            return Fail(Status.Internal, $"[internal] {error.GetType().Name}: {error.Message}");
        }
    }

    private static int Fail(Status status, string message)
    {
        t_lastError = Encoding.UTF8.GetBytes(message.ReplaceLineEndings(" "));
        return (int)status;
    }
}
