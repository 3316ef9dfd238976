//! Times and sizes as people read them: three significant digits and a unit.

/// A time as `1.23 us`, from nanoseconds to hours.
pub fn format_ns(nanoseconds: f64) -> String {
    if !nanoseconds.is_finite() {
        return "n/a".to_owned();
    }
    let size = nanoseconds.abs();
    let (scale, unit) = match size {
        size if size < 999.5 => (1.0, "ns"),
        size if size < 999.5e3 => (1e3, "us"),
        size if size < 999.5e6 => (1e6, "ms"),
        size if size < 599.5e9 => (1e9, "s"),
        size if size < 599.5 * 60e9 => (60e9, "min"),
        _ => (3600e9, "h"),
    };
    format!("{} {unit}", three_digits(nanoseconds / scale))
}

/// A time at the tick of an axis: as [`format_ns`] writes it, but never in minutes or hours, so that powers of ten stay
/// round, and zero without a unit.
pub fn format_tick_ns(nanoseconds: f64) -> String {
    match nanoseconds {
        0.0 => "0".to_owned(),
        long if long.is_finite() && long.abs() >= 999.5e6 => format!("{} s", three_digits(long / 1e9)),
        short => format_ns(short),
    }
}

/// A time in milliseconds as [`format_ns`] writes it.
pub fn format_ms(milliseconds: f64) -> String {
    format_ns(milliseconds * 1e6)
}

/// A time in seconds as [`format_ns`] writes it.
pub fn format_seconds(seconds: f64) -> String {
    format_ns(seconds * 1e9)
}

/// A size in powers of ten, as `1.23 MB`, the way network traffic is quoted.
pub fn format_bytes(bytes: f64) -> String {
    if !bytes.is_finite() {
        return "n/a".to_owned();
    }
    let size = bytes.abs();
    let (scale, unit) = match size {
        size if size < 999.5 => (1.0, "B"),
        size if size < 999.5e3 => (1e3, "kB"),
        size if size < 999.5e6 => (1e6, "MB"),
        size if size < 999.5e9 => (1e9, "GB"),
        _ => (1e12, "TB"),
    };
    format!("{} {unit}", three_digits(bytes / scale))
}

/// A size in powers of two, as `1.23 GiB`, the way memory is quoted.
pub fn format_memory(bytes: u64) -> String {
    let (scale, unit) = match bytes {
        bytes if bytes < 1 << 10 => (1.0, "B"),
        bytes if bytes < 1 << 20 => (1024.0, "KiB"),
        bytes if bytes < 1 << 30 => (1024f64.powi(2), "MiB"),
        _ => (1024f64.powi(3), "GiB"),
    };
    format!("{} {unit}", three_digits(bytes as f64 / scale))
}

/// A share of 1 as `97.4 %`.
pub fn format_share(share: f64) -> String {
    if share.is_finite() { format!("{:.1} %", share * 100.0) } else { "n/a".to_owned() }
}

/// Three significant digits without an exponent; more before the point where the number needs them.
pub fn three_digits(value: f64) -> String {
    if !value.is_finite() {
        return "n/a".to_owned();
    }
    let decimals = match value.abs() {
        size if size >= 99.95 || size == 0.0 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        size if size >= 0.09995 => 3,
        _ => 4,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_take_the_unit_that_fits() {
        for (nanoseconds, text) in [
            (0.0, "0 ns"),
            (0.25, "0.25 ns"),
            (999.0, "999 ns"),
            (999.7, "1 us"),
            (37_000.0, "37 us"),
            (1_234_567.0, "1.23 ms"),
            (2.5e9, "2.5 s"),
            (900e9, "15 min"),
            (7.2e12 * 10.0, "20 h"),
            (f64::NAN, "n/a"),
        ] {
            assert_eq!(format_ns(nanoseconds), text);
        }
        assert_eq!(format_tick_ns(1e12), "1000 s");
        assert_eq!(format_tick_ns(2e6), "2 ms");
        assert_eq!(format_tick_ns(0.0), "0");
        assert_eq!(format_ms(261.0), "261 ms");
        assert_eq!(format_seconds(0.002), "2 ms");
    }

    #[test]
    fn sizes_and_shares() {
        assert_eq!(format_bytes(3_800_000.0), "3.8 MB");
        assert_eq!(format_bytes(999.9), "1 kB");
        assert_eq!(format_bytes(f64::INFINITY), "n/a");
        assert_eq!(format_memory(512), "512 B");
        assert_eq!(format_memory(3 << 30), "3 GiB");
        assert_eq!(format_share(0.9649), "96.5 %");
        assert_eq!(three_digits(1234.5), "1234");
        assert_eq!(three_digits(-0.5), "-0.5");
    }
}
