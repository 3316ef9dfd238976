//! What there is to compute with on this machine.

use gmp_mpfr_sys::gmp;

use super::dispatch;
use super::options::EngineKind;
use super::self_test;

/// What `smlp doctor` tells about the engines of this machine.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct EngineReport {
    /// The backend that computes.
    pub chosen: EngineKind,
    /// Why this one.
    pub reason: String,
    /// Every backend that this program knows.
    pub engines: Vec<EngineEntry>,
    /// Those of the processor's features that a backend may use.
    pub cpu_features: Vec<&'static str>,
    /// Version of the GNU multiple precision library.
    pub gmp_version: String,
    /// Threads of the pool.
    pub threads: usize,
}

/// One backend in an [`EngineReport`].
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct EngineEntry {
    /// The backend.
    pub kind: EngineKind,
    /// True if it runs on this processor.
    pub available: bool,
    /// Why it runs, or what is missing.
    pub reason: String,
    /// True if it gave the known answers; absent if it does not run.
    pub self_test_passed: Option<bool>,
}

impl EngineReport {
    pub(super) fn new(chosen: EngineKind, reason: &str, threads: usize) -> EngineReport {
        let engines = dispatch::ALL.iter().map(|&backend| {
            let missing = backend.missing();
            let reason = match (missing, backend.kind()) {
                (Some(missing), _) => format!("this processor has no {missing}"),
                (None, EngineKind::Gmp) => "runs on every processor".to_owned(),
                (None, _) => "this processor has what it needs".to_owned(),
            };
            let self_test_passed = missing.is_none().then(|| self_test::run(backend).is_ok());
            EngineEntry { kind: backend.kind(), available: missing.is_none(), reason, self_test_passed }
        });
        EngineReport {
            chosen,
            reason: reason.to_owned(),
            engines: engines.collect(),
            cpu_features: cpu_features(),
            gmp_version: format!("{}.{}.{}", gmp::VERSION, gmp::VERSION_MINOR, gmp::VERSION_PATCHLEVEL),
            threads,
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn cpu_features() -> Vec<&'static str> {
    let features = [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512dq", is_x86_feature_detected!("avx512dq")),
        ("avx512vl", is_x86_feature_detected!("avx512vl")),
        ("avx512ifma", is_x86_feature_detected!("avx512ifma")),
    ];
    features.into_iter().filter_map(|(name, detected)| detected.then_some(name)).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_features() -> Vec<&'static str> {
    Vec::new()
}
