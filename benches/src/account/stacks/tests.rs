//! Samples count for what the kernel was asked to do, and else for the function they fell into.

use super::*;

const SCRIPT: &str = "\
        ffffffff81a5 copy_folio_from_iter_atomic
        ffffffff8145 generic_perform_write
        ffffffff8148 ext4_buffered_write_iter
        ffffffff8100 do_syscall_64
            7f000001 write_vectored_at

            55555601 millstream_wire::records::record::check_records
            55555602 <millstream_log::partition::PartitionLog>::append_batches

            55555604 [unknown]

        ffffffff8177 finish_task_switch.isra.0
        ffffffff8178 __schedule
        ffffffff8179 futex_wait
        ffffffff8100 do_syscall_64
";

#[test]
fn stacks_are_split_at_empty_lines() {
    let stacks = stacks(SCRIPT);
    assert_eq!(stacks.iter().map(Vec::len).collect::<Vec<_>>(), [5, 2, 1, 4]);
    assert_eq!(stacks[1][0], "millstream_wire::records::record::check_records");
}

#[test]
fn each_stack_has_one_part() {
    let name = |stack: &Vec<&str>| PARTS.get(part(stack)).map_or("other", |part| part.name);
    let names: Vec<_> = stacks(SCRIPT).iter().map(name).collect();
    assert_eq!(names, ["write into the page cache", "check of records", "other", "wait and wake"]);
}
