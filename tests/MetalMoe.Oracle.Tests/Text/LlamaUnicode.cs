using System.Runtime.InteropServices;
using MetalMoe.Core.Text;
using NUnit.Framework;

namespace MetalMoe.Oracle.Tests.Text;

/// <summary>llama.cpp's own character tables, through the C++ function that reads them.</summary>
internal static unsafe class LlamaUnicode
{
    private const int Number = 0x02;
    private const int Letter = 0x04;
    private const int Mark = 0x10;
    private const int WhiteSpace = 0x100;

    /// <summary>The class of every code point; skips the running test where the library does
    /// not export the function <c>unicode_cpt_flags_from_cpt</c>.</summary>
    public static CharacterClass[] AllClasses()
    {
        const string Mangled = "_Z26unicode_cpt_flags_from_cptj";
        string file = Directory.EnumerateFiles(Peers.LlamaLibraries, "libllama.*").First();
        if (!NativeLibrary.TryLoad(file, out nint library)
            || !NativeLibrary.TryGetExport(library, Mangled, out nint function))
        {
            Assert.Ignore($"{Path.GetFileName(file)} does not export {Mangled}");
            return [];
        }
        var flagsOf = (delegate* unmanaged[Cdecl]<uint, ushort>)function;
        var classes = new CharacterClass[0x110000];
        for (int i = 0; i < classes.Length; i++)
        {
            classes[i] = ClassOf(flagsOf((uint)i));
        }
        return classes;
    }

    private static CharacterClass ClassOf(ushort flags) =>
        (flags & WhiteSpace) != 0 ? CharacterClass.Space
        : (flags & Number) != 0 ? CharacterClass.Number
        : (flags & Letter) != 0 ? CharacterClass.Letter
        : (flags & Mark) != 0 ? CharacterClass.Mark
        : CharacterClass.Other;
}
