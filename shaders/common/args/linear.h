// Arguments of the kernels of linear.metal, embed.metal and gate_up.metal.
#ifndef MM_ARGS_LINEAR_H
#define MM_ARGS_LINEAR_H

// linear_matvec and linear_matmul: up to four matrices that share an input. A part that is not
// there has first_group_i = 0xffffffff and is otherwise like part 0.
typedef struct LinearArgs {
    uint32_t columns;       // of the input and of every matrix
    uint32_t first_group_1; // the grid column of the first threadgroup of part 1, 2, 3;
    uint32_t first_group_2; // part 0 begins at 0
    uint32_t first_group_3;
    uint32_t rows_0; // rows of the part's matrix = values of an output row
    uint32_t rows_1;
    uint32_t rows_2;
    uint32_t rows_3;
    uint32_t row_bytes_0; // bytes of a stored row
    uint32_t row_bytes_1;
    uint32_t row_bytes_2;
    uint32_t row_bytes_3;
    float epsilon; // of the RMS norm, where it is fused
} LinearArgs;

// embed_tokens.
typedef struct EmbedArgs {
    uint32_t columns;
    uint32_t row_bytes;
} EmbedArgs;

// rms_norm.
typedef struct RmsNormArgs {
    uint32_t columns;
    float epsilon;
} RmsNormArgs;

#endif
