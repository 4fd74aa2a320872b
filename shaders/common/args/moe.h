// Arguments of the kernels of route.metal, gate_up.metal and moe.metal.
#ifndef MM_ARGS_MOE_H
#define MM_ARGS_MOE_H

// route_logits and route.
typedef struct RouteArgs {
    uint32_t columns; // D
    uint32_t experts; // E
    uint32_t used;    // A
    float scale;      // of the weights of the chosen experts
    float epsilon;    // of the RMS norm, where it is fused
} RouteArgs;

// gate_up_matvec and gate_up_matmul. Expert e owns rows e * rows_per_expert + row_offset and the
// `rows` behind; counts of rows are multiplied by row_bytes in 64 bits.
typedef struct GateUpArgs {
    uint32_t columns; // D
    uint32_t experts; // E; 0 when there is only the shared or dense pair
    uint32_t used;    // A
    uint32_t rows;    // F: values of a chosen expert's output
    uint32_t gate_rows_per_expert;
    uint32_t gate_row_offset;
    uint32_t gate_row_bytes;
    uint32_t up_rows_per_expert;
    uint32_t up_row_offset;
    uint32_t up_row_bytes;
    uint32_t shared_rows; // Fs: values of the shared expert's, or of the dense output
    uint32_t shared_gate_row_bytes;
    uint32_t shared_up_row_bytes;
    float scale;   // of the weights of the chosen experts, where the choice is fused
    float epsilon; // of the RMS norm, where it is fused
} GateUpArgs;

// moe_sort.
typedef struct MoeSortArgs {
    uint32_t experts; // E
    uint32_t used;    // A
} MoeSortArgs;

// moe_down_matvec, moe_down_matmul and moe_combine.
typedef struct MoeDownArgs {
    uint32_t rows;    // D: values of an output row
    uint32_t columns; // F: values of an expert's input
    uint32_t experts; // E
    uint32_t used;    // A
    uint32_t rows_per_expert;
    uint32_t row_offset;
    uint32_t row_bytes;
    uint32_t shared_columns; // Fs
    uint32_t shared_row_bytes;
} MoeDownArgs;

#endif
