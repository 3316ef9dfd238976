//! What a figure was measured on: facts that explain a time, and none that name a machine or its user.

use std::fs;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

/// The machine and the program. It holds no host name, user name or path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineFacts {
    /// Processor, as the system names it.
    pub cpu_model: String,
    /// Logical processors that this process may use.
    pub cpu_cores: u64,
    /// Instruction sets that an engine could use.
    pub cpu_features: Vec<String>,
    /// Main memory; absent where the system does not tell.
    pub memory_bytes: Option<u64>,
    /// Operating system.
    pub os: String,
    /// Release of its kernel; absent where the system does not tell.
    pub kernel: Option<String>,
    /// Processor architecture.
    pub arch: String,
    /// Version of smlp.
    pub smlp_version: String,
}

impl MachineFacts {
    /// Looks at the machine that this process runs on.
    pub fn collect() -> Self {
        let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let memory_info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        MachineFacts {
            cpu_model: cpu_model(&cpu_info).unwrap_or_else(|| "unknown".to_owned()),
            cpu_cores: std::thread::available_parallelism().map_or(1, |count| count.get() as u64),
            cpu_features: cpu_features(),
            memory_bytes: kib_field(&memory_info, "MemTotal"),
            os: std::env::consts::OS.to_owned(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").ok().map(|text| text.trim().to_owned()),
            arch: std::env::consts::ARCH.to_owned(),
            smlp_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// The commit that the program was built from (`SMLP_COMMIT` at build time), else the one of the checkout of smlp that it
/// runs in, else `unknown`: another repository's commit says nothing about the program.
pub fn commit() -> String {
    let built = option_env!("SMLP_COMMIT").map(str::to_owned);
    built.or_else(commit_of_working_folder).unwrap_or_else(|| "unknown".to_owned())
}

/// Largest resident memory of this process so far; `None` where the system does not tell.
pub fn peak_memory_bytes() -> Option<u64> {
    kib_field(&fs::read_to_string("/proc/self/status").ok()?, "VmHWM")
}

fn commit_of_working_folder() -> Option<String> {
    is_own_manifest(&git(&["show", "HEAD:Cargo.toml"])?).then_some(())?;
    let hash = git(&["rev-parse", "HEAD"])?.trim().to_owned();
    hash.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(hash)
}

fn is_own_manifest(text: &str) -> bool {
    text.lines().any(|line| line == concat!("name = \"", env!("CARGO_PKG_NAME"), "\""))
}

/// What git prints; none if there is no git, or it fails.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).ok())?
}

fn cpu_model(cpu_info: &str) -> Option<String> {
    let line = cpu_info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// A field such as `VmHWM:  1640 kB`, in bytes.
fn kib_field(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(target_arch = "x86_64")]
fn cpu_features() -> Vec<String> {
    let known = [
        ("bmi2", is_x86_feature_detected!("bmi2")),
        ("adx", is_x86_feature_detected!("adx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512dq", is_x86_feature_detected!("avx512dq")),
        ("avx512vl", is_x86_feature_detected!("avx512vl")),
        ("avx512ifma", is_x86_feature_detected!("avx512ifma")),
    ];
    known.into_iter().filter(|(_, present)| *present).map(|(name, _)| name.to_owned()).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_features() -> Vec<String> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_the_kernel_writes_them() {
        assert_eq!(kib_field("VmPeak:\t  9 kB\nVmHWM:\t    1640 kB\n", "VmHWM"), Some(1640 * 1024));
        assert_eq!(kib_field("VmHWM: many kB", "VmHWM"), None);
        assert_eq!(kib_field("VmHWMX: 3 kB", "VmHWM"), None);
        assert_eq!(kib_field("VmHWM: 18446744073709551615 kB", "VmHWM"), None);
        assert_eq!(cpu_model("processor\t: 0\nmodel name\t: Fast CPU @ 4 GHz\n").as_deref(), Some("Fast CPU @ 4 GHz"));
        assert_eq!(cpu_model("Hardware: board"), None);
    }

    #[test]
    fn a_commit_is_taken_from_a_checkout_of_this_package_alone() {
        assert!(is_own_manifest(include_str!("../../Cargo.toml")));
        assert!(!is_own_manifest("[package]\nname = \"thesis\"\n\n[dependencies]\nsmlp = \"0.1\"\n"));
    }

    #[test]
    fn this_machine_is_described_without_its_name() {
        let facts = MachineFacts::collect();
        assert!(facts.cpu_cores >= 1);
        let text = serde_json::to_string(&facts).unwrap();
        if let Ok(name) = fs::read_to_string("/proc/sys/kernel/hostname")
            && name.trim().len() > 4
        {
            assert!(!text.contains(name.trim()), "{text}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_peak_follows_an_allocation() {
        let block = vec![1u8; 64 << 20];
        assert_eq!(block.iter().map(|byte| u64::from(*byte)).sum::<u64>(), 64 << 20);
        assert!(peak_memory_bytes().unwrap() >= 64 << 20);
    }
}
