// One time step of a recurrent layer backwards; steps are taken from the last to the first.
//
// dh[row, :] = dstates[row, step + 1, :] + dgates[row, step + 1, :] . recurrent_kernel^T, without the
// second term at the last step; then the cell (shared/lstm_cell_grad.wgsl, gru_cell_grad.wgsl,
// rnn_cell_grad.wgsl) makes dgates[row, step, :] from dh, and what it carries over to the step before.
// A GRU with the reset gate before the product takes two dispatches: gru_candidate_grad makes the
// gradients of z and n so, gru_reset_grad that of r from those of n at the same step.
//
// recurrent_kernel: [units, groups] of four columns   dgates: [batch, time, groups] of four columns
// states, dstates, cells, dcells: [batch, time + 1, units]   gates: [batch, time, groups] of four
// carry: [batch, units]   lengths: [batch], from which step on a row has no gradients
// The product is that of dgates at time `behind` over `count` groups from `first` on.
// A workgroup makes TILE_ROWS rows of TILE_UNITS units, an invocation ROWS rows of UNITS units.
// Dispatch: ceil(batch / TILE_ROWS) * ceil(units / TILE_UNITS) workgroups.
// Reads recurrent_kernel once for each tile of rows, dgates once for each tile of units.
// use: group
// variant lstm_grad_shuffle: use lstm_cell_grad, scalar, tanh, recurrent_grad_shuffle; ROWS = 16u, UNITS = 4u, TILE_ROWS = 16u, TILE_UNITS = 32u, SIZE = 8u
// variant lstm_grad_shuffle_few: use lstm_cell_grad, scalar, tanh, recurrent_grad_shuffle; ROWS = 8u, UNITS = 2u, TILE_ROWS = 8u, TILE_UNITS = 16u, SIZE = 8u
// variant lstm_grad_tiled: use lstm_cell_grad, scalar, tanh, recurrent_grad_tiled; ROWS = 1u, UNITS = 1u, TILE_ROWS = 8u, TILE_UNITS = 16u, SIZE = 128u
// variant gru_grad_shuffle: use gru_cell_grad, recurrent_grad_shuffle; ROWS = 16u, UNITS = 4u, TILE_ROWS = 16u, TILE_UNITS = 32u, SIZE = 8u
// variant gru_grad_shuffle_few: use gru_cell_grad, recurrent_grad_shuffle; ROWS = 8u, UNITS = 2u, TILE_ROWS = 8u, TILE_UNITS = 16u, SIZE = 8u
// variant gru_grad_tiled: use gru_cell_grad, recurrent_grad_tiled; ROWS = 1u, UNITS = 1u, TILE_ROWS = 8u, TILE_UNITS = 16u, SIZE = 128u
// variant gru_candidate_grad_shuffle: use gru_candidate_cell_grad, recurrent_grad_shuffle; ROWS = 16u, UNITS = 4u, TILE_ROWS = 16u, TILE_UNITS = 32u, SIZE = 8u
// variant gru_candidate_grad_shuffle_few: use gru_candidate_cell_grad, recurrent_grad_shuffle; ROWS = 8u, UNITS = 2u, TILE_ROWS = 8u, TILE_UNITS = 16u, SIZE = 8u
// variant gru_candidate_grad_tiled: use gru_candidate_cell_grad, recurrent_grad_tiled; ROWS = 1u, UNITS = 1u, TILE_ROWS = 8u, TILE_UNITS = 16u, SIZE = 128u
// variant gru_reset_grad_shuffle: use gru_reset_cell_grad, recurrent_grad_shuffle; ROWS = 16u, UNITS = 4u, TILE_ROWS = 16u, TILE_UNITS = 32u, SIZE = 8u
// variant gru_reset_grad_shuffle_few: use gru_reset_cell_grad, recurrent_grad_shuffle; ROWS = 8u, UNITS = 2u, TILE_ROWS = 8u, TILE_UNITS = 16u, SIZE = 8u
// variant gru_reset_grad_tiled: use gru_reset_cell_grad, recurrent_grad_tiled; ROWS = 1u, UNITS = 1u, TILE_ROWS = 8u, TILE_UNITS = 16u, SIZE = 128u
// variant rnn_grad_shuffle: use rnn_cell_grad, recurrent_grad_shuffle; ROWS = 16u, UNITS = 4u, TILE_ROWS = 16u, TILE_UNITS = 32u, SIZE = 8u
// variant rnn_grad_shuffle_few: use rnn_cell_grad, recurrent_grad_shuffle; ROWS = 8u, UNITS = 2u, TILE_ROWS = 8u, TILE_UNITS = 16u, SIZE = 8u
// variant rnn_grad_tiled: use rnn_cell_grad, recurrent_grad_tiled; ROWS = 1u, UNITS = 1u, TILE_ROWS = 8u, TILE_UNITS = 16u, SIZE = 128u

struct Params {
    batch: u32,
    time: u32,
    units: u32,
    groups: u32,
    step: u32,
    first: u32,
    count: u32,
    behind: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> recurrent_kernel: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> dstates: array<f32>;
@group(0) @binding(3) var<storage, read> lengths: array<i32>;

// Whether lengths are given; they are something else otherwise.
override MASKED: bool;

const LANES_PER_ROW = TILE_UNITS / UNITS;

@compute @workgroup_size(SIZE)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tile = group_index(workgroup, workgroups);
    let tiles = (params.units + TILE_UNITS - 1u) / TILE_UNITS;
    let tile_row = tile / tiles * TILE_ROWS;
    let tile_unit = tile % tiles * TILE_UNITS;
    if tile_row >= params.batch {
        return;
    }
    // The last step has no step behind it: nothing was carried over.
    let last = params.step + 1u == params.time;
    // The products of this invocation's rows, UNITS of each.
    var sums = multiply(tile_row, tile_unit, local);
    let row = tile_row + local / LANES_PER_ROW * ROWS;
    let unit = tile_unit + local % LANES_PER_ROW;
    unroll for (var i = 0u; i < ROWS; i++) {
        unroll for (var m = 0u; m < UNITS; m++) {
            if row + i < params.batch && unit + m * LANES_PER_ROW < params.units {
                if MASKED && i32(params.step) >= lengths[row + i] {
                    rest(row + i, unit + m * LANES_PER_ROW);
                } else {
                    retreat(row + i, unit + m * LANES_PER_ROW, sums[i * UNITS + m], last);
                }
            }
        }
    }
}
