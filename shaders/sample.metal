// The choice of the next token from logits, on the GPU, and its way into the next step.
#include "common/kernel_args.h"
#include "common/philox.h"

constant constexpr uint sample_threads = 1024;
constant constexpr uint max_candidates = 2048;
constant constexpr uint max_kept = 1024;
constant constexpr uint no_token = 0xffffffffu;

// A total order of logits as integers: larger logits first, both zeros the same, NaN and +infinity
// above all numbers. Integers, because fast math may assume that there is no NaN.
METAL_FUNC uint logit_key(float logit) {
    uint bits = as_type<uint>(logit);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return 0xffffffffu;
    if (bits == 0x80000000u) bits = 0;
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
constant constexpr uint infinity_key = 0xff800000u;
constant constexpr uint minus_infinity_key = 0x007fffffu;

// A candidate: the larger comes first, which is the larger logit, on a tie the lower token.
// 0 is no candidate.
METAL_FUNC ulong candidate_of(float logit, uint token, uint vocabulary) {
    return ulong(logit_key(logit)) << 32 | ulong(vocabulary - 1 - token);
}
METAL_FUNC uint token_of(ulong candidate, uint vocabulary) {
    return vocabulary - 1 - uint(candidate);
}

// Sum over the threadgroup, in every thread.
METAL_FUNC uint total_of(uint x, threadgroup uint* scratch, ushort lane, ushort simd_id) {
    uint sum = simd_sum(x);
    if (lane == 0) scratch[simd_id] = sum;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    sum = simd_sum(scratch[lane]);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    return sum;
}

// Sorts `count` candidates, a power of two, in descending order. All threads call it.
METAL_FUNC void sort_candidates(threadgroup ulong* candidates, uint count, uint index) {
    for (uint size = 2; size <= count; size *= 2) {
        for (uint stride = size / 2; stride > 0; stride /= 2) {
            for (uint pair = index; pair < count / 2; pair += sample_threads) {
                uint i = pair / stride * 2 * stride + pair % stride, j = i + stride;
                ulong first = candidates[i], second = candidates[j];
                bool is_descending = (i & size) == 0;
                if ((first < second) == is_descending) {
                    candidates[i] = second;
                    candidates[j] = first;
                }
            }
            threadgroup_barrier(mem_flags::mem_threadgroup);
        }
    }
}

METAL_FUNC uint power_of_two(uint count) {
    uint power = 1;
    while (power < count) power *= 2;
    return power;
}

// How many candidates are not behind `threshold`.
METAL_FUNC uint count_from(device const float* logits, uint vocabulary, ulong threshold,
                           uint index, threadgroup uint* scratch, ushort lane, ushort simd_id) {
    uint count = 0;
    for (uint t = index; t < vocabulary; t += sample_threads)
        count += candidate_of(logits[t], t, vocabulary) >= threshold ? 1u : 0u;
    return total_of(count, scratch, lane, simd_id);
}

// The `needed` best candidates, sorted, in candidates[0 .. needed); the rest of the array is
// spoilt. The needed-th largest of the threads' own maxima is a bound that few others reach. When
// more reach it than there is room for, the needed-th candidate is found bit by bit.
METAL_FUNC void select_candidates(device const float* logits, uint vocabulary, uint needed,
                                  uint index, threadgroup ulong* candidates,
                                  threadgroup uint* scratch, threadgroup atomic_uint* filled,
                                  ushort lane, ushort simd_id) {
    ulong best = 0;
    for (uint t = index; t < vocabulary; t += sample_threads)
        best = max(best, candidate_of(logits[t], t, vocabulary));
    candidates[index] = best;
    threadgroup_barrier(mem_flags::mem_threadgroup);
    sort_candidates(candidates, sample_threads, index);
    ulong threshold = candidates[needed - 1];
    uint count = count_from(logits, vocabulary, threshold, index, scratch, lane, simd_id);
    if (count > max_candidates) {
        ulong prefix = 0;
        for (int bit = 63; bit >= 0 && count != needed; bit--) {
            if (bit < 32 && vocabulary >> bit == 0) continue;
            ulong trial = prefix | 1ul << bit;
            uint reached = count_from(logits, vocabulary, trial, index, scratch, lane, simd_id);
            if (reached >= needed) {
                prefix = trial;
                count = reached;
            }
        }
        threshold = prefix;
    }
    uint sorted = power_of_two(count);
    for (uint i = index; i < sorted; i += sample_threads) candidates[i] = 0;
    if (index == 0) atomic_store_explicit(filled, 0u, memory_order_relaxed);
    threadgroup_barrier(mem_flags::mem_threadgroup);
    for (uint t = index; t < vocabulary; t += sample_threads) {
        ulong candidate = candidate_of(logits[t], t, vocabulary);
        if (candidate >= threshold)
            candidates[atomic_fetch_add_explicit(filled, 1u, memory_order_relaxed)] = candidate;
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);
    sort_candidates(candidates, sorted, index);
}

// The logit of a token that the penalties lower, `count` times in the window.
METAL_FUNC float penalised(device const SampleRow& row, float logit, uint count) {
    float repeated = logit > 0.0f ? logit / row.repetition_penalty
                                  : logit * row.repetition_penalty;
    return repeated - row.presence_penalty - row.frequency_penalty * float(count);
}

/*
Computes  the next token of each row of logits: penalties, then with temperature 0 the largest
          logit (the lower token on a tie), else the top_k best; of these the fewest that together
          reach top_p; of these the ones with min_p of the best one's share; one of these drawn
          with weights exp(logit / temperature), the best first, by Philox at (draw; seed).
          The token goes to sampled, to the sequence's history and to the next step's tokens.
          ~0 when a logit is NaN or +infinity, or all are -infinity.
Shapes    logits [R, V], rows [R], history [sequences, history_capacity] rings, sampled [R].
Grid      R threadgroups of 1024 threads.
Numerics  float32; sums run from the best candidate to the worst, in one thread.
Limits    top_k + penalty_window <= 1024. Penalties only lower logits: so the best top_k after
          them are among the best top_k + penalty_window before.
Bytes     the logits three times, from memory once.
*/
kernel void sample(
    constant SampleArgs& args [[buffer(0)]], constant StepParams& step [[buffer(1)]],
    device const float* all_logits [[buffer(2)]], device const SampleRow* rows [[buffer(3)]],
    device uint* history [[buffer(4)]], device uint* sampled [[buffer(5)]],
    device TokenInfo* next_tokens [[buffer(6)]], uint group [[threadgroup_position_in_grid]],
    uint index [[thread_index_in_threadgroup]], ushort lane [[thread_index_in_simdgroup]],
    ushort simd_id [[simdgroup_index_in_threadgroup]]) {
    threadgroup ulong candidates[max_candidates];
    threadgroup float shares[max_kept];
    threadgroup float weights[max_kept];
    threadgroup uint scratch[32];
    threadgroup atomic_uint filled;
    if (group >= step.row_count) return;
    device const SampleRow& row = rows[group];
    device const float* logits = all_logits + ulong(group) * args.vocabulary;
    device uint* ring = history + ulong(row.history) * args.history_capacity;
    uint kept = row.temperature == 0.0f ? 1u : min(row.top_k, args.vocabulary);
    uint window = min(row.penalty_window, row.history_count);
    uint needed = min(kept + window, args.vocabulary);
    select_candidates(logits, args.vocabulary, needed, index, candidates, scratch, &filled, lane,
                      simd_id);
    uint top = uint(candidates[0] >> 32);
    bool is_possible = top < infinity_key && top > minus_infinity_key;
    threadgroup_barrier(mem_flags::mem_threadgroup);

    if (window > 0) {
        uint sorted = power_of_two(needed);
        for (uint i = index; i < sorted; i += sample_threads) {
            ulong candidate = 0;
            if (i < needed) {
                uint token = token_of(candidates[i], args.vocabulary), count = 0;
                for (uint w = 1; w <= window; w++)
                    count += ring[(row.history_count - w) % args.history_capacity] == token ? 1u
                                                                                          : 0u;
                float logit = logits[token];
                if (count > 0) logit = penalised(row, logit, count);
                candidate = candidate_of(logit, token, args.vocabulary);
            }
            candidates[i] = candidate;
        }
        threadgroup_barrier(mem_flags::mem_threadgroup);
        sort_candidates(candidates, sorted, index);
    }

    // The logits back from the keys, zeros without their sign.
    uint first_key = uint(candidates[0] >> 32);
    float best = as_type<float>(first_key & 0x80000000u ? first_key & 0x7fffffffu : ~first_key);
    for (uint i = index; i < kept; i += sample_threads) {
        uint key = uint(candidates[i] >> 32);
        float logit = as_type<float>(key & 0x80000000u ? key & 0x7fffffffu : ~key);
        bool is_impossible = key <= minus_infinity_key || !is_possible;
        shares[i] = is_impossible ? 0.0f : exp(logit - best);
        weights[i] = is_impossible || kept == 1 ? 0.0f : exp((logit - best) / row.temperature);
    }
    threadgroup_barrier(mem_flags::mem_threadgroup);

    if (index == 0) {
        float total = 0.0f, sum = 0.0f, drawn = 0.0f;
        for (uint i = 0; i < kept; i++) total += shares[i];
        uint count = 0;
        while (count < kept && shares[count] > 0.0f && shares[count] >= row.min_p
               && (row.top_p >= 1.0f || sum < row.top_p * total)) {
            sum += shares[count];
            drawn += weights[count];
            count++;
        }
        uint4 random = philox(uint4(row.draw, 0, 0, 0), uint2(row.seed_low, row.seed_high));
        float point = float(random.x >> 8) * (1.0f / 16777216.0f) * drawn;
        uint chosen = 0;
        float reached = weights[0];
        while (chosen + 1 < count && reached <= point) {
            chosen++;
            reached += weights[chosen];
        }
        uint token = is_possible ? token_of(candidates[chosen], args.vocabulary) : no_token;
        sampled[group] = token;
        if (is_possible) {
            if (row.penalty_window > 0)
                ring[row.history_count % args.history_capacity] = token;
            if (row.next_token != no_token) next_tokens[row.next_token].token_id = token;
        }
    }
}
