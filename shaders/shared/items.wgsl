// Which results an invocation computes in its turns. On a GPU, neighbours compute neighbouring results in
// the same turn, so that their loads join. A software adapter runs all turns of eight invocations before it
// goes on, and wants these to be neighbours in memory: the planner sets CONTIGUOUS there.
override CONTIGUOUS: bool = false;

fn first_item(group: u32, local: u32) -> u32 {
    return select(group * SIZE * ITEMS + local, (group * SIZE + local) * ITEMS, CONTIGUOUS);
}

fn item_step() -> u32 {
    return select(SIZE, 1u, CONTIGUOUS);
}
