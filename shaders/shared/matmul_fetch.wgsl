// Four-by-four blocks of the operands of a matrix product, whichever way they stand.
// use: matmul

// Whether neighbours in a's memory are terms rather than rows; the same for b's terms and columns.
override A_TURNED: bool;
override B_TURNED: bool;

// Vector n of the block of rows `row` to `row + 3` and terms `term` to `term + 3`: along the terms of row n
// where a is turned, along the rows of term n otherwise. Zeros for terms from the tile's last on.
fn fetch_a(tile: Tile, row: u32, term: u32, n: u32) -> vec4<f32> {
    let left = max(tile.last, term) - term;
    if A_TURNED {
        return keep(load_a(tile.a + (row + n) * params.a_row + term * params.a_term, params.a_term), left);
    }
    let at = tile.a + row * params.a_row + (term + n) * params.a_term;
    return keep(load_a(at, params.a_row), select(0u, 4u, n < left));
}
// The same of b, with columns for rows.
fn fetch_b(tile: Tile, column: u32, term: u32, n: u32) -> vec4<f32> {
    let left = max(tile.last, term) - term;
    if B_TURNED {
        return keep(load_b(tile.b + (column + n) * params.b_column + term * params.b_term, params.b_term), left);
    }
    let at = tile.b + column * params.b_column + (term + n) * params.b_term;
    return keep(load_b(at, params.b_column), select(0u, 4u, n < left));
}
