// One time step of a recurrent layer forwards.
//
// a[row, :] = gates_in[row, step, :] + states[row, step, :] . recurrent_kernel, then the cell
// (shared/lstm_cell.wgsl, gru_cell.wgsl, rnn_cell.wgsl) makes states[row, step + 1, :] from a.
// A GRU with the reset gate before the product takes two dispatches: gru_reset makes z, r and r h
// from the columns of those gates, gru_candidate the state from those of n, where states is r h.
//
// gates_in: [batch, time, groups] of four columns   recurrent_kernel: [units, groups] of four columns
// states: [batch, times, units], the initial state at time 0; time + 1 times, or r h, of time
// lengths: [batch], from which step on a row rests: its states and gates are 0 then
// gates: [batch, time, groups] of four (LSTM, GRU)   cells: [batch, time + 1, units] (LSTM)
// Of the groups a dispatch makes those from `first` up to, not including, `end`.
// A workgroup makes TILE_ROWS rows of TILE_GROUPS groups, an invocation ROWS rows of one group.
// Dispatch: ceil(batch / TILE_ROWS) * ceil((end - first) / TILE_GROUPS) workgroups.
// Reads recurrent_kernel once for each tile of rows, a state once for each tile of groups.
// use: group, pointwise, tanh, erf
// variant lstm_shuffle: use lstm_cell, scalar, recurrent_shuffle; ROWS = 32u, TILE_ROWS = 32u, TILE_GROUPS = 8u, SIZE = 8u
// variant lstm_shuffle_few: use lstm_cell, scalar, recurrent_shuffle; ROWS = 8u, TILE_ROWS = 8u, TILE_GROUPS = 8u, SIZE = 8u
// variant lstm_tiled: use lstm_cell, scalar, recurrent_tiled; ROWS = 1u, TILE_ROWS = 8u, TILE_GROUPS = 16u, SIZE = 128u
// variant gru_shuffle: use gru_cell, scalar, recurrent_shuffle; ROWS = 32u, TILE_ROWS = 32u, TILE_GROUPS = 8u, SIZE = 8u
// variant gru_shuffle_few: use gru_cell, scalar, recurrent_shuffle; ROWS = 8u, TILE_ROWS = 8u, TILE_GROUPS = 8u, SIZE = 8u
// variant gru_tiled: use gru_cell, scalar, recurrent_tiled; ROWS = 1u, TILE_ROWS = 8u, TILE_GROUPS = 16u, SIZE = 128u
// variant gru_reset_shuffle: use gru_reset_cell, vec4, recurrent_shuffle; ROWS = 32u, TILE_ROWS = 32u, TILE_GROUPS = 8u, SIZE = 8u
// variant gru_reset_shuffle_few: use gru_reset_cell, vec4, recurrent_shuffle; ROWS = 8u, TILE_ROWS = 8u, TILE_GROUPS = 8u, SIZE = 8u
// variant gru_reset_tiled: use gru_reset_cell, vec4, recurrent_tiled; ROWS = 1u, TILE_ROWS = 8u, TILE_GROUPS = 16u, SIZE = 128u
// variant gru_candidate_shuffle: use gru_candidate_cell, vec4, recurrent_shuffle; ROWS = 32u, TILE_ROWS = 32u, TILE_GROUPS = 8u, SIZE = 8u
// variant gru_candidate_shuffle_few: use gru_candidate_cell, vec4, recurrent_shuffle; ROWS = 8u, TILE_ROWS = 8u, TILE_GROUPS = 8u, SIZE = 8u
// variant gru_candidate_tiled: use gru_candidate_cell, vec4, recurrent_tiled; ROWS = 1u, TILE_ROWS = 8u, TILE_GROUPS = 16u, SIZE = 128u
// variant rnn_shuffle: use rnn_cell, vec4, recurrent_shuffle; ROWS = 32u, TILE_ROWS = 32u, TILE_GROUPS = 8u, SIZE = 8u
// variant rnn_shuffle_few: use rnn_cell, vec4, recurrent_shuffle; ROWS = 8u, TILE_ROWS = 8u, TILE_GROUPS = 8u, SIZE = 8u
// variant rnn_tiled: use rnn_cell, vec4, recurrent_tiled; ROWS = 1u, TILE_ROWS = 8u, TILE_GROUPS = 16u, SIZE = 128u

struct Params {
    batch: u32,
    time: u32,
    units: u32,
    groups: u32,
    step: u32,
    first: u32,
    end: u32,
    times: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gates_in: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> recurrent_kernel: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> states: array<State>;
@group(0) @binding(4) var<storage, read> lengths: array<i32>;

// Whether lengths are given; they are something else otherwise.
override MASKED: bool;

@compute @workgroup_size(SIZE)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tile = group_index(workgroup, workgroups);
    let tiles = (params.end - params.first + TILE_GROUPS - 1u) / TILE_GROUPS;
    let tile_row = tile / tiles * TILE_ROWS;
    let tile_group = params.first + tile % tiles * TILE_GROUPS;
    if tile_row >= params.batch {
        return;
    }
    // The products of this invocation's rows.
    var sums = multiply(tile_row, tile_group, local);
    let row = tile_row + local / TILE_GROUPS * ROWS;
    let group = tile_group + local % TILE_GROUPS;
    if group >= params.end {
        return;
    }
    unroll for (var i = 0u; i < ROWS; i++) {
        if row + i < params.batch {
            if MASKED && i32(params.step) >= lengths[row + i] {
                rest(row + i, group);
            } else {
                advance(row + i, group, sums[i]);
            }
        }
    }
}
