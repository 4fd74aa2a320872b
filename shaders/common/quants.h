// The 16 weight formats, read in place: one struct a format, all with the same three members.
//
//   values  values in a block          bytes  bytes of a block
//   apart   distance of the two runs that one lane decodes together (below)
//   decode  sixteen consecutive values of a row, "run" r = values 16 r .. 16 r + 15
//
// A run comes as quants q and two factors, value = scale * q + offset, so that a dot product
// costs one fused multiply-add a value: scale * sum(q x) + offset * sum(x).
//
// Most formats keep two runs in the same 16 bytes (low and high nibbles). A "piece" is such a
// pair: piece p has the runs first_run<F>(p) and first_run<F>(p) + F::apart. Lanes that take
// neighbouring pieces read neighbouring 16 bytes, and no byte is read for one nibble only.
//
// The layouts of the blocks, byte by byte, are in KBlocks.cs, LegacyBlocks.cs, TableBlocks.cs
// and PackedScales.cs of MetalMoe.Core. Source: the GGUF specification; for MXFP4 the OCP
// Microscaling Formats specification 1.0.
#ifndef MM_QUANTS_H
#define MM_QUANTS_H

#include <metal_stdlib>
using namespace metal;

// One row a format: the struct's name and GGUF's number of it, which the host passes as a
// function constant.
#define FOR_EACH_FORMAT(ROW) \
    ROW(F32, 0) ROW(F16, 1) ROW(Q4_0, 2) ROW(Q4_1, 3) ROW(Q5_0, 6) ROW(Q5_1, 7) ROW(Q8_0, 8) \
    ROW(Q2_K, 10) ROW(Q3_K, 11) ROW(Q4_K, 12) ROW(Q5_K, 13) ROW(Q6_K, 14) ROW(IQ4_NL, 20) \
    ROW(IQ4_XS, 23) ROW(BF16, 30) ROW(MXFP4, 39)

// value i = scale * q[i / 4][i % 4] + offset.
struct Run {
    float4 q[4];
    float scale;
    float offset;
};

// Sixteen bytes at the alignment of 4, 2 and 1. The packed types load at full width on the GPU,
// whose loads ask only for the alignment of an element.
METAL_FUNC uint4 load_words(device const uchar* p) {
    return uint4(*(device const packed_uint4*)p);
}

METAL_FUNC uint4 load_halves(device const uchar* p) {
    ushort4 a = ushort4(*(device const packed_ushort4*)p);
    ushort4 b = ushort4(*(device const packed_ushort4*)(p + 8));
    return uint4(as_type<uint>(a.xy), as_type<uint>(a.zw), as_type<uint>(b.xy),
                 as_type<uint>(b.zw));
}

METAL_FUNC uint4 load_bytes(device const uchar* p) {
    return uint4(as_type<uint>(uchar4(*(device const packed_uchar4*)p)),
                 as_type<uint>(uchar4(*(device const packed_uchar4*)(p + 4))),
                 as_type<uint>(uchar4(*(device const packed_uchar4*)(p + 8))),
                 as_type<uint>(uchar4(*(device const packed_uchar4*)(p + 12))));
}

// A binary16 at the alignment of 2.
METAL_FUNC float load_half(device const uchar* p) {
    return float(*(device const half*)p);
}

// A run whose quants are unsigned bytes.
METAL_FUNC Run unsigned_run(uint4 quants, float scale, float offset) {
    Run run;
    for (ushort i = 0; i < 4; i++) run.q[i] = float4(as_type<uchar4>(quants[i]));
    run.scale = scale;
    run.offset = offset;
    return run;
}

// A run whose quants are the low nibbles of 16 bytes, or with shift 4 the high ones.
METAL_FUNC uint4 nibbles(uint4 bytes, uint shift) {
    return (bytes >> shift) & 0x0f0f0f0fu;
}

// Bits 0 to 15 as the fifth bits of 16 bytes: four bits a word, moved 7 places apart.
METAL_FUNC uint4 fifth_bits(uint bits) {
    uint4 four = (uint4(bits) >> uint4(0, 4, 8, 12)) & 15u;
    return ((four * 0x00204081u) & 0x01010101u) << 4;
}

// Looks 16 nibbles up in a table of 16 values.
METAL_FUNC Run table_run(uint4 indices, constant const char* table, float scale) {
    Run run;
    for (ushort i = 0; i < 4; i++) {
        uchar4 index = as_type<uchar4>(indices[i]);
        run.q[i] = float4(float(table[index.x]), float(table[index.y]), float(table[index.z]),
                          float(table[index.w]));
    }
    run.scale = scale;
    run.offset = 0.0f;
    return run;
}

// The table of IQ4_NL and IQ4_XS, and twice the E2M1 values of MXFP4 (index 8 is plain zero).
constant const char non_linear_table[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                            1,    13,   25,  38,  53,  69,  89,  113};
constant const char doubled_e2m1_table[16] = {0, 1,  2,  3,  4,  6,  8,  12,
                                              0, -1, -2, -3, -4, -6, -8, -12};

// Scale and minimum of group j, 0 to 7, of Q4_K and Q5_K.
METAL_FUNC float2 scale_and_minimum(device const uchar* packed, uint j) {
    uint scale = 0, minimum = 0;
    if (j < 4) {
        scale = uint(packed[j]) & 63;
        minimum = uint(packed[j + 4]) & 63;
    } else {
        uint lower = packed[j + 4];
        scale = (lower & 15) | (uint(packed[j - 4]) >> 6 << 4);
        minimum = (lower >> 4) | (uint(packed[j]) >> 6 << 4);
    }
    return float2(float(scale), float(minimum));
}

struct LoadF32 {
    static METAL_FUNC float widen(float x) { return x; }
    static METAL_FUNC float4 load(device const float* x) {
        return float4(*(device const packed_float4*)x);
    }
};

struct LoadF16 {
    static METAL_FUNC float widen(half x) { return float(x); }
    static METAL_FUNC float4 load(device const half* x) {
        return float4(half4(*(device const packed_half4*)x));
    }
};

// bfloat16 is the upper half of a float32. As integers, because the type itself came to Metal
// later than the version that we ask for.
struct LoadBF16 {
    static METAL_FUNC float widen(ushort x) { return as_type<float>(uint(x) << 16); }
    static METAL_FUNC float4 load(device const ushort* x) {
        return as_type<float4>(uint4(ushort4(*(device const packed_ushort4*)x)) << 16);
    }
};

// The plain floats. Their rows need not be a whole number of runs: what lies behind `columns`
// decodes to zero.
template <typename T, typename Packed> struct PlainFloats {
    enum : uint { values = 1, bytes = sizeof(T), apart = 1 };

    static METAL_FUNC Run decode(device const uchar* row, uint run, uint columns) {
        device const T* x = (device const T*)row + 16 * run;
        Run result;
        uint left = columns > 16 * run ? columns - 16 * run : 0;
        for (ushort i = 0; i < 4; i++)
            result.q[i] = left >= 16 ? Packed::load(x + 4 * i) : some(x + 4 * i, 4 * i, left);
        result.scale = 1.0f;
        result.offset = 0.0f;
        return result;
    }

    // Four values of which the row has those whose index is below `left`.
    static METAL_FUNC float4 some(device const T* x, uint index, uint left) {
        return float4(index < left ? Packed::widen(x[0]) : 0.0f,
                      index + 1 < left ? Packed::widen(x[1]) : 0.0f,
                      index + 2 < left ? Packed::widen(x[2]) : 0.0f,
                      index + 3 < left ? Packed::widen(x[3]) : 0.0f);
    }
};

struct F32 : PlainFloats<float, LoadF32> {};
struct F16 : PlainFloats<half, LoadF16> {};
struct BF16 : PlainFloats<ushort, LoadBF16> {};

struct Q4_0 {
    enum : uint { values = 32, bytes = 18, apart = 1 };

    static METAL_FUNC Run decode(device const uchar* row, uint run, uint) {
        device const uchar* block = row + run / 2 * bytes;
        float d = load_half(block);
        return unsigned_run(nibbles(load_halves(block + 2), 4 * (run % 2)), d, -8.0f * d);
    }
};

struct Q4_1 {
    enum : uint { values = 32, bytes = 20, apart = 1 };

    static METAL_FUNC Run decode(device const uchar* row, uint run, uint) {
        device const uchar* block = row + run / 2 * bytes;
        uint4 q = nibbles(load_words(block + 4), 4 * (run % 2));
        return unsigned_run(q, load_half(block), load_half(block + 2));
    }
};

struct Q5_0 {
    enum : uint { values = 32, bytes = 22, apart = 1 };

    static METAL_FUNC Run decode(device const uchar* row, uint run, uint) {
        device const uchar* block = row + run / 2 * bytes;
        float d = load_half(block);
        uint high = *(device const ushort*)(block + 2 + 2 * (run % 2));
        uint4 q = nibbles(load_halves(block + 6), 4 * (run % 2)) | fifth_bits(high);
        return unsigned_run(q, d, -16.0f * d);
    }
};

struct Q5_1 {
    enum : uint { values = 32, bytes = 24, apart = 1 };

    static METAL_FUNC Run decode(device const uchar* row, uint run, uint) {
        device const uchar* block = row + run / 2 * bytes;
        uint high = *(device const ushort*)(block + 4 + 2 * (run % 2));
        uint4 q = nibbles(load_words(block + 8), 4 * (run % 2)) | fifth_bits(high);
        return unsigned_run(q, load_half(block), load_half(block + 2));
    }
};

struct Q8_0 {
    enum : uint { values = 32, bytes = 34, apart = 1 };

    static METAL_FUNC Run decode(device const uchar* row, uint run, uint) {
        device const uchar* block = row + run / 2 * bytes;
        uint4 q = load_halves(block + 2 + 16 * (run % 2));
        Run result;
        for (ushort i = 0; i < 4; i++) result.q[i] = float4(as_type<char4>(q[i]));
        result.scale = load_half(block);
        result.offset = 0.0f;
        return result;
    }
};

// Where the 2-bit fields of a 16-value group lie: 32 bytes serve each half of a block, and each
// byte holds four groups from the lowest bits up.
METAL_FUNC uint two_bit_byte(uint group) { return 32 * (group / 8) + 16 * (group % 2); }
METAL_FUNC uint two_bit_shift(uint group) { return 2 * (group % 8 / 2); }

struct Q2_K {
    enum : uint { values = 256, bytes = 84, apart = 2 };

    static METAL_FUNC Run decode(device const uchar* row, uint run, uint) {
        device const uchar* block = row + run / 16 * bytes;
        uint group = run % 16, scales = block[group];
        uint4 q = load_words(block + 16 + two_bit_byte(group));
        return unsigned_run((q >> two_bit_shift(group)) & 0x03030303u,
                            load_half(block + 80) * float(scales & 15),
                            -load_half(block + 82) * float(scales >> 4));
    }
};

struct Q3_K {
    enum : uint { values = 256, bytes = 110, apart = 2 };

    static METAL_FUNC Run decode(device const uchar* row, uint run, uint) {
        device const uchar* block = row + run / 16 * bytes;
        uint group = run % 16;
        uint4 low = load_halves(block + 32 + two_bit_byte(group)) >> two_bit_shift(group);
        uint4 third = load_halves(block + 16 * (group % 2)) >> (group / 2);
        uint4 q = (low & 0x03030303u) | ((third & 0x01010101u) << 2);
        float scale = load_half(block + 108) * group_scale(block + 96, group);
        return unsigned_run(q, scale, -4.0f * scale);
    }

    static METAL_FUNC float group_scale(device const uchar* packed, uint group) {
        uint low = (uint(packed[group % 8]) >> (4 * (group / 8))) & 15;
        uint high = (uint(packed[8 + group % 4]) >> (2 * (group / 4))) & 3;
        return float(int(low | high << 4) - 32);
    }
};

struct Q4_K {
    enum : uint { values = 256, bytes = 144, apart = 2 };

    static METAL_FUNC Run decode(device const uchar* row, uint run, uint) {
        device const uchar* block = row + run / 16 * bytes;
        uint group = run % 16 / 2;
        float2 factors = scale_and_minimum(block + 4, group);
        uint4 q = load_words(block + 16 + 32 * (group / 2) + 16 * (run % 2));
        return unsigned_run(nibbles(q, 4 * (group % 2)), load_half(block) * factors.x,
                            -load_half(block + 2) * factors.y);
    }
};

struct Q5_K {
    enum : uint { values = 256, bytes = 176, apart = 2 };

    static METAL_FUNC Run decode(device const uchar* row, uint run, uint) {
        device const uchar* block = row + run / 16 * bytes;
        uint group = run % 16 / 2;
        float2 factors = scale_and_minimum(block + 4, group);
        uint4 low = load_words(block + 48 + 32 * (group / 2) + 16 * (run % 2));
        uint4 fifth = (load_words(block + 16 + 16 * (run % 2)) >> group) & 0x01010101u;
        return unsigned_run(nibbles(low, 4 * (group % 2)) | fifth << 4,
                            load_half(block) * factors.x, -load_half(block + 2) * factors.y);
    }
};

struct Q6_K {
    enum : uint { values = 256, bytes = 210, apart = 4 };

    static METAL_FUNC Run decode(device const uchar* row, uint run, uint) {
        device const uchar* block = row + run / 16 * bytes;
        uint group = run % 16;
        uint4 low = load_halves(block + 64 * (group / 8) + 16 * (group % 4));
        uint4 high = load_halves(block + 128 + two_bit_byte(group)) >> two_bit_shift(group);
        uint4 q = nibbles(low, 4 * (group % 8 / 4)) | ((high & 0x03030303u) << 4);
        float scale = load_half(block + 208) * float(as_type<char>(block[192 + group]));
        return unsigned_run(q, scale, -32.0f * scale);
    }
};

struct IQ4_NL {
    enum : uint { values = 32, bytes = 18, apart = 1 };

    static METAL_FUNC Run decode(device const uchar* row, uint run, uint) {
        device const uchar* block = row + run / 2 * bytes;
        uint4 q = nibbles(load_halves(block + 2), 4 * (run % 2));
        return table_run(q, non_linear_table, load_half(block));
    }
};

struct IQ4_XS {
    enum : uint { values = 256, bytes = 136, apart = 1 };

    static METAL_FUNC Run decode(device const uchar* row, uint run, uint) {
        device const uchar* block = row + run / 16 * bytes;
        uint group = run % 16 / 2;
        uint low = (uint(block[4 + group / 2]) >> (4 * (group % 2))) & 15;
        uint high = (uint(*(device const ushort*)(block + 2)) >> (2 * group)) & 3;
        float scale = load_half(block) * float(int(low | high << 4) - 32);
        uint4 q = nibbles(load_words(block + 8 + 16 * group), 4 * (run % 2));
        return table_run(q, non_linear_table, scale);
    }
};

struct MXFP4 {
    enum : uint { values = 32, bytes = 17, apart = 1 };

    static METAL_FUNC Run decode(device const uchar* row, uint run, uint) {
        device const uchar* block = row + run / 2 * bytes;
        uint4 q = nibbles(load_bytes(block + 1), 4 * (run % 2));
        return table_run(q, doubled_e2m1_table, half_of_e8m0(block[0]));
    }

    // 2^(e - 128): half the E8M0 value, since the table has twice the E2M1 values.
    static METAL_FUNC float half_of_e8m0(uint e) {
        return as_type<float>(e < 2 ? 0x00200000u << e : (e - 1) << 23);
    }
};

// The first run of a piece; the second is F::apart behind it.
template <typename F> METAL_FUNC uint first_run(uint piece) {
    return 2 * (piece / F::apart * F::apart) + piece % F::apart;
}

// A run of a row in the format with this number. With a function constant for the number
// nothing but that format's decoder is left.
METAL_FUNC Run decode_run(uint format, device const uchar* row, uint run, uint columns) {
    switch (format) {
#define DECODE_CASE(F, number) case number: return F::decode(row, run, columns);
        FOR_EACH_FORMAT(DECODE_CASE)
#undef DECODE_CASE
        default: return F32::decode(row, run, columns);
    }
}

#endif
