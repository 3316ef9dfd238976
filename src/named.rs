//! Choices by the names that a user writes and reads.

/// `named!(Choice { Variant => "name", ... })`: the list of all variants, and both ways between a variant and its name.
macro_rules! named {
    ($choice:ident { $($variant:ident => $text:literal),+ }) => {
        impl $choice {
            /// Every choice that there is.
            pub const ALL: [$choice; [$($text),+].len()] = [$($choice::$variant),+];
        }

        impl ::std::fmt::Display for $choice {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(match self { $($choice::$variant => $text),+ })
            }
        }

        impl ::std::str::FromStr for $choice {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok($choice::$variant),)+
                    _ => Err(format!("{text:?} is none of: {}", [$($text),+].join(", "))),
                }
            }
        }
    };
}

pub(crate) use named;

#[cfg(test)]
mod tests {
    #[derive(Debug, PartialEq)]
    enum Side {
        Left,
        Right,
    }

    named!(Side { Left => "left", Right => "right" });

    #[test]
    fn names_come_back_and_others_are_refused_with_the_list() {
        for side in Side::ALL {
            assert_eq!(side.to_string().parse(), Ok(side));
        }
        assert_eq!("Left".parse::<Side>(), Err("\"Left\" is none of: left, right".to_owned()));
    }
}
