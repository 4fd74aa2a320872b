// Which 32 rows of which expert a threadgroup of an expert product has to do.
#ifndef MM_EXPERT_TILES_H
#define MM_EXPERT_TILES_H

#include "common/matmul.h"

struct ExpertTile {
    uint expert;
    uint first; // of its rows in the order sorted by expert
    uint count; // 1 to 32; 0: there is no such tile
};

// Tile `tile` of a matrix that all tokens use.
METAL_FUNC ExpertTile all_tokens(uint tile, uint tokens) {
    ExpertTile t;
    t.expert = 0;
    t.first = tile * tile_tokens;
    t.count = t.first < tokens ? min(uint(tile_tokens), tokens - t.first) : 0;
    return t;
}

// Tile `tile` of the tiles of expert 0, then expert 1, and so on. Called by all lanes of a
// SIMD-group; all get the same. Counting anew in every threadgroup costs E / 32 steps and saves
// a list of tiles and the host's knowledge of its length.
METAL_FUNC ExpertTile find_expert_tile(device const uint* counts, device const uint* firsts,
                                       uint experts, uint tile, uint lane) {
    uint before = 0, expert = 0xffffffffu, within = 0;
    for (uint e = lane; e - lane < experts; e += 32) {
        uint tiles = e < experts ? (counts[e] + tile_tokens - 1) / tile_tokens : 0;
        uint end = before + simd_prefix_inclusive_sum(tiles);
        if (tile >= end - tiles && tile < end) {
            expert = e;
            within = tile - (end - tiles);
        }
        before += simd_sum(tiles);
    }
    ExpertTile t;
    t.expert = simd_min(expert);
    within = simd_max(within);
    bool found = t.expert != 0xffffffffu;
    if (!found) t.expert = 0;
    t.first = firsts[t.expert] + within * tile_tokens;
    t.count = found ? min(uint(tile_tokens), counts[t.expert] - within * tile_tokens) : 0;
    return t;
}

#endif
