// Arguments of the kernel of sample.metal.
#ifndef MM_ARGS_SAMPLE_H
#define MM_ARGS_SAMPLE_H

typedef struct SampleArgs {
    uint32_t vocabulary;       // V: values of a row of logits
    uint32_t history_capacity; // tokens of a sequence's ring of accepted tokens
} SampleArgs;

// How the token of one row of logits is chosen; an array [R].
typedef struct SampleRow {
    uint32_t seed_low; // key of the random numbers
    uint32_t seed_high;
    uint32_t draw;            // counter of the random numbers: one a token of the sequence
    uint32_t top_k;           // candidates, 1 to 1024; with penalties top_k + penalty_window
    uint32_t history;         // ring of the sequence
    uint32_t history_count;   // tokens accepted so far, the prompt's included
    uint32_t penalty_window;  // of the last tokens that the penalties look at; 0: no penalties
    uint32_t next_token;      // TokenInfo of the next step that the token goes to; ~0: none
    float temperature;        // 0: the largest logit
    float top_p;              // the best tokens that together reach this probability
    float min_p;              // tokens of at least this share of the best one's probability
    float repetition_penalty; // 1 or more
    float presence_penalty;   // 0 or more
    float frequency_penalty;  // 0 or more
} SampleRow;

#endif
