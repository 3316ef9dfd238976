//! `smlp keygen`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use smlp::error::Error;
use smlp::paillier::{KeyForm, PublicKey, SecretKey};
use smlp::rng::SecureRng;

use super::globals::Globals;
use super::groups::WeakKeyArgs;
use super::output::{print_facts, require_folder_of};

/// Make a key pair: NAME.pub to hand out, NAME.key (mode 0600) to keep.
///
/// Randomness comes from the operating system. Example:
///
///   smlp keygen --key-bits 2048 --out alice
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Length of the key in bits, 1024 to 4096 and even; 3072 for what must stay secret past 2030.
    #[arg(long, value_name = "BITS", default_value_t = 2048)]
    key_bits: u32,
    /// Form of the key: `full`, or `subgroup` for a key server, with which a step with blinded comparisons takes about
    /// 0.6 of the time, on one assumption more: that randomisers from a secret subgroup look like any others (SECURITY.md).
    #[arg(long, value_name = "FORM", default_value_t = KeyForm::Full)]
    key_form: KeyForm,
    /// Path and name of the two files, without their endings.
    #[arg(long, value_name = "NAME")]
    out: PathBuf,
    /// Replace a key that exists; what was encrypted under it is lost [default: refuse].
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    weak: WeakKeyArgs,
}

/// Makes the pair and writes both files.
pub fn run(args: &Args, globals: &Globals) -> Result<(), Error> {
    args.weak.check(args.key_bits)?;
    require_folder_of(&args.out)?;
    let (public_path, secret_path) = (with_ending(&args.out, "pub"), with_ending(&args.out, "key"));
    for path in [&public_path, &secret_path] {
        if path.exists() && !args.force {
            let path = path.display();
            return Err(Error::Usage(format!("{path} exists; take another name, or --force to replace the key")));
        }
    }
    let engine = globals.engine()?;
    let key = SecretKey::generate_form(&engine, args.key_bits, args.key_form, &mut SecureRng::from_os())?;
    key.write(&secret_path)?;
    key.public_key().write(&public_path)?;
    print_key(key.public_key(), &public_path, &secret_path)
}

fn print_key(key: &PublicKey, public_path: &Path, secret_path: &Path) -> Result<(), Error> {
    print_facts(&[
        ("key", key.id().to_string()),
        ("length", format!("{} bits", key.key_bits())),
        ("form", key.form().to_string()),
        ("public half", public_path.display().to_string()),
        ("private half", secret_path.display().to_string()),
    ])
}

/// `path` with a dot and `ending` behind its whole name.
fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_are_added_never_replaced() {
        assert_eq!(with_ending(Path::new("keys/alice.v2"), "pub"), Path::new("keys/alice.v2.pub"));
    }
}
