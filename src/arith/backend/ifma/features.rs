//! Which features of the processor this backend is compiled for.

/// Compiles functions, or the methods of one type, for AVX-512 with IFMA; see [`super::lanes`] for who may call them.
macro_rules! simd {
    (impl $type:ident {
        $($(#[$attribute:meta])* $vis:vis fn $name:ident($($argument:tt)*) $(-> $result:ty)? $body:block)*
    } $($rest:tt)*) => {
        impl $type {
            $(
                $(#[$attribute])*
                #[inline]
                #[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
                $vis fn $name($($argument)*) $(-> $result)? $body
            )*
        }
        simd! { $($rest)* }
    };
    ($($function:item)*) => {
        $(
            #[inline]
            #[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
            $function
        )*
    };
}

/// As [`simd`], for the entry points: functions that stand alone in the program.
macro_rules! simd_entry {
    ($($function:item)*) => {
        $(
            #[inline(never)]
            #[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
            $function
        )*
    };
}

pub(super) use {simd, simd_entry};

/// None if this processor has the features, else what is missing.
pub(super) fn missing() -> Option<&'static str> {
    let found = [
        (is_x86_feature_detected!("avx512f"), "AVX-512 F"),
        (is_x86_feature_detected!("avx512dq"), "AVX-512 DQ"),
        (is_x86_feature_detected!("avx512vl"), "AVX-512 VL"),
        (is_x86_feature_detected!("avx512ifma"), "AVX-512 IFMA"),
    ];
    found.into_iter().find_map(|(detected, name)| (!detected).then_some(name))
}
