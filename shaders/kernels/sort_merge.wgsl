// Neighbouring sorted runs of rows merged.
//
// pairs, merged: [rows, length] of (key, position), see sort_blocks
// Runs of `run` pairs are sorted, afterwards runs twice as long. Equal keys of the left run come
// first, so that the order of equals stays. Of each run only the first `kept` pairs are needed.
// y: [rows, kept], with LAST in place of merged: the positions alone
// One invocation per TILE results: it bisects for how many of those before it come from the left run
// (Odeh, Green, Mwassi, Shmueli, Birk, 2012), then it merges one after the other.
// Dispatch: ceil(tiles / 64) workgroups.  Reads and writes each pair once.
// use: group
// variant sort_merge: TILE = 16u

struct Params {
    // Tiles of all rows, and of one.
    tiles: u32,
    row_tiles: u32,
    length: u32,
    run: u32,
    kept: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> pairs: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read_write> merged: array<vec2<u32>>;
@group(0) @binding(3) var<storage, read_write> y: array<u32>;

override LAST: bool;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tile = group_index(group, groups) * 64u + local;
    if tile >= params.tiles {
        return;
    }
    let row = tile / params.row_tiles;
    let first = (tile - row * params.row_tiles) * TILE;
    let left = first - first % (2u * params.run);
    // How many results of the two runs come before.
    let before = first - left;
    if before >= params.kept {
        return;
    }
    let right = min(left + params.run, params.length);
    let end = min(right + params.run, params.length);
    let start = row * params.length;
    var low = max(before, end - right) - (end - right);
    var high = min(before, right - left);
    while low < high {
        let middle = low + (high - low) / 2u;
        if pairs[start + left + middle].x <= pairs[start + right + before - 1u - middle].x {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    var a = left + low;
    var b = right + before - low;
    // Past the end of a run they are not looked at.
    var of_a = pairs[start + a];
    var of_b = pairs[start + b];
    for (var to = first; to < min(first + TILE, end); to++) {
        var taken = of_b;
        if a < right && (b >= end || of_a.x <= of_b.x) {
            taken = of_a;
            a++;
            of_a = pairs[start + a];
        } else {
            b++;
            of_b = pairs[start + b];
        }
        if !LAST {
            merged[start + to] = taken;
        } else if to < params.kept {
            y[row * params.kept + to] = taken.y;
        }
    }
}
