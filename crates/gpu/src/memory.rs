//! How much memory there is for a device, as far as anyone tells: WebGPU does not.

use anygrad_core::{Caps, DeviceKind};

use crate::Session;

/// Bytes that are left for buffers of an adapter whose memory is the machine's: what Linux tells as available,
/// and what is left of the limit of a control group, whichever is less. None on cards with memory of their own,
/// and on other systems.
pub fn available_memory(caps: &Caps) -> Option<u64> {
    if !matches!(caps.kind, DeviceKind::Cpu | DeviceKind::IntegratedGpu) {
        return None;
    }
    let machine = available(&std::fs::read_to_string("/proc/meminfo").ok()?)?;
    let number = |file: &str| {
        let text = std::fs::read_to_string(format!("/sys/fs/cgroup/{file}")).ok()?;
        text.trim().parse::<u64>().ok()
    };
    let group = number("memory.max").map(|most| most.saturating_sub(number("memory.current").unwrap_or(0)));
    Some(machine.min(group.unwrap_or(u64::MAX)))
}

/// The bytes in the line `MemAvailable` of `/proc/meminfo`.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

impl Session {
    /// Bytes that are left for buffers, where that is known; see [`available_memory`].
    pub fn memory(&self) -> Option<u64> {
        if self.is_interpreter() { None } else { available_memory(self.caps()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_linux_is_read() {
        let text = "MemTotal:       16311100 kB\nMemAvailable:   15000000 kB\n";
        assert_eq!(available(text), Some(15_000_000 * 1024));
        assert_eq!(available("MemFree: 12 kB\n"), None);
        assert_eq!(available("MemAvailable: many kB\n"), None);
    }

    #[test]
    fn memory_of_a_card_is_not_known() {
        let caps = Caps { kind: DeviceKind::DiscreteGpu, ..Caps::baseline() };
        assert_eq!(available_memory(&caps), None);
        let caps = Caps { kind: DeviceKind::Cpu, ..Caps::baseline() };
        assert_eq!(available_memory(&caps).is_some(), cfg!(target_os = "linux"));
    }
}
