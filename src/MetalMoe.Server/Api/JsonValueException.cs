using System.Text.Json;

namespace MetalMoe.Server.Api;

/// <summary>A value of a request has the wrong form; the serializer adds where.</summary>
internal sealed class JsonValueException(string expected) : JsonException($"expected {expected}");
