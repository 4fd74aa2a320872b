// What changes from step to step. The host fills these before a step; every kernel finds
// StepParams at buffer 1, and the others where its binding list names them.
#ifndef MM_ARGS_STEP_H
#define MM_ARGS_STEP_H

// Bound at index 1 of every kernel.
typedef struct StepParams {
    uint32_t token_count;    // T: rows of every activation buffer that hold tokens
    uint32_t row_count;      // R: rows of logits that are asked for
    uint32_t segment_count;  // sequences in this step
    uint32_t position_count; // S: positions of the longest sequence after this step
} StepParams;

// One entry a token [T].
typedef struct TokenInfo {
    uint32_t token_id; // row of the embedding table
    uint32_t slot;     // which sequence's cache and state
    uint32_t position; // of the token in its sequence
    uint32_t segment;  // entry of SegmentInfo it belongs to
} TokenInfo;

// One entry a sequence in the step; its tokens are consecutive rows.
typedef struct SegmentInfo {
    uint32_t slot;        // which sequence's cache and state
    uint32_t first_token; // first row of the step
    uint32_t token_count; // rows
    uint32_t position;    // of the first token in its sequence
} SegmentInfo;

#endif
