//! Stacks that `perf script` prints, sorted into parts of a broker's work.
//!
//! The kernel's stacks are whole, so its work counts for what it was called to do, down to the packets that loopback delivers while it sends. Those of the
//! program are not (it is built without frame pointers): its work counts for the function a sample fell into.

/// A part of the work.
pub(super) struct Part {
    pub(super) name: &'static str,
    /// What the names of its functions contain.
    marks: &'static [&'static str],
    /// Whether any function of a stack will do, not only the innermost.
    anywhere: bool,
}

const fn kernel(name: &'static str, marks: &'static [&'static str]) -> Part {
    Part { name, marks, anywhere: true }
}

const fn program(name: &'static str, marks: &'static [&'static str]) -> Part {
    Part { name, marks, anywhere: false }
}

/// All parts; the first that matches has the sample.
pub(super) const PARTS: [Part; 14] = [
    kernel("write into the page cache", &["generic_perform_write", "ext4_file_write", "ext4_buffered_write"]),
    kernel("read of the page cache", &["filemap_read", "filemap_splice_read"]),
    kernel("receive from sockets", &["tcp_recvmsg", "sock_recvmsg", "sock_read_iter"]),
    kernel("send to sockets", &["tcp_sendmsg", "sock_sendmsg", "sock_write_iter"]),
    kernel("sync", &["fsync", "fdatasync", "syncfs"]),
    kernel("wait and wake", &["futex", "epoll", "eventfd", "__schedule"]),
    kernel("page faults", &["exc_page_fault"]),
    kernel("other system calls", &["do_syscall_64"]),
    program("CRC-32C", &["crc32", "crc_fast"]),
    program("check of records", &["check_records"]),
    program("log", &["millstream_log"]),
    program("protocol and requests", &["millstream_wire", "millstream_broker", "bytes::"]),
    program("tasks and clocks", &["tokio", "mio::", "std::sys", "clock_gettime"]),
    program("memory", &["malloc", "free", "memcpy", "memmove", "memset", "alloc::", "realloc"]),
];

/// The place of a stack's part in [`PARTS`]; behind the last for one that belongs to none.
pub(super) fn part(stack: &[&str]) -> usize {
    let belongs = |part: &Part| {
        let looked_at = if part.anywhere { stack } else { &stack[..stack.len().min(1)] };
        looked_at.iter().any(|function| part.marks.iter().any(|mark| function.contains(mark)))
    };
    PARTS.iter().position(belongs).unwrap_or(PARTS.len())
}

/// The names of each sample's functions, innermost first: lines `ADDRESS NAME`, with an empty line after each sample.
pub(super) fn stacks(script: &str) -> Vec<Vec<&str>> {
    let mut stacks = Vec::new();
    let mut stack = Vec::new();
    for line in script.lines().chain([""]) {
        let line = line.trim();
        if !line.is_empty() {
            stack.push(line.split_once(' ').map_or("", |(_, name)| name));
        } else if !stack.is_empty() {
            stacks.push(std::mem::take(&mut stack));
        }
    }
    stacks
}

#[cfg(test)]
mod tests;
