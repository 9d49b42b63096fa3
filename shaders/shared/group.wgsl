// A dispatch of more than 65,535 workgroups is spread over two dimensions; this is the way back.
fn group_index(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    return group.x + group.y * groups.x;
}
