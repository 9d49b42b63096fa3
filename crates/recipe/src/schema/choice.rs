//! One of several forms, told apart by a tag, as an enum.

/// Makes an enum that exists the value of a key: `"huber"`, or `{ type = "huber", delta = 2.0 }`.
///
/// ```text
/// choice! {
///     /// What it is.
///     Loss: "loss", "type" {
///         /// What this one is.
///         "huber" | "smooth" => Huber { delta: f64 = 1.0 => ABOVE_0 },
///         "leaky_relu" => LeakyRelu { [0] slope: f64 = 0.01 },     a field without a name
///     }
/// }
/// ```
macro_rules! choice {
    (
        $(#[doc = $doc:literal])*
        $enum:ty : $what:literal, $tag:literal {
            $(
                $(#[doc = $form_doc:literal])*
                $name:literal $(| $other:literal)* => $variant:ident {
                    $(
                        $(#[doc = $key_doc:literal])*
                        $([$member:tt])? $field:ident $(| $alias:ident)* : $type:ty
                            $(= $default:expr)? $(=> $limits:expr)?
                    ),* $(,)?
                }
            ),* $(,)?
        }
    ) => {
        impl $crate::schema::Section for $enum {
            fn names(
                fields: &$crate::schema::Fields<'_>,
            ) -> Result<Vec<&'static str>, $crate::node::Mistake> {
                let name = fields.tag($tag, $what, &[$(($name, &[$($other),*])),*])?;
                Ok(match name {
                    $($name => vec![$tag, $(stringify!($field), $(stringify!($alias),)*)*],)*
                    _ => vec![$tag],
                })
            }

            fn take(fields: &$crate::schema::Fields<'_>) -> Result<Self, $crate::node::Mistake> {
                let name = fields.tag($tag, $what, &[$(($name, &[$($other),*])),*])?;
                $(if name == $name {
                    $(
                        let default = $crate::schema::section!(@option $($default)?);
                        let limits = $crate::schema::section!(@option $($limits)?);
                        let names = [stringify!($field), $(stringify!($alias)),*];
                        let $field: $type = fields.take(&names, default, limits)?;
                    )*
                    return Ok(Self::$variant { $($($member:)? $field,)* });
                })*
                Err($crate::node::Mistake::new(&Default::default(), concat!("a ", $what, " without a form")))
            }

            fn put(&self, entries: &mut Vec<$crate::node::Entry>) {
                match self {
                    $(Self::$variant { $($($member:)? $field,)* } => {
                        let node = $crate::node::Node::text($name);
                        entries.push($crate::node::Entry { key: $tag.to_owned(), place: Default::default(), node });
                        $(if let Some(node) = $crate::schema::Setting::write($field) {
                            let key = stringify!($field).to_owned();
                            entries.push($crate::node::Entry { key, place: Default::default(), node });
                        })*
                    })*
                    // What no recipe can say did not come from one: numbers of a model trained before.
                    #[allow(unreachable_patterns, reason = "most choices have no such form")]
                    _ => {}
                }
            }

            fn keys(book: &mut $crate::reference::Book) -> Vec<$crate::reference::Key> {
                <Self as $crate::schema::Setting>::describe(book);
                vec![$crate::reference::Key::tag($tag, $what)]
            }
        }

        impl $crate::schema::Setting for $enum {
            fn kind() -> String {
                $crate::schema::one($what)
            }

            fn read(node: &$crate::node::Node) -> Result<Self, $crate::node::Mistake> {
                $crate::schema::read_section(&$crate::schema::tagged(node, $tag, $what)?)
            }

            fn write(&self) -> Option<$crate::node::Node> {
                Some($crate::schema::write_tagged(self))
            }

            fn chapter() -> Option<String> {
                Some($what.to_owned())
            }

            fn describe(book: &mut $crate::reference::Book) {
                if book.begin($what, &[$($doc),*]) {
                    $({
                        #[allow(unused_mut, reason = "a form without keys")]
                        let mut keys: Vec<$crate::reference::Key> = Vec::new();
                        $({
                            let default: Option<$type> = $crate::schema::section!(@option $($default)?);
                            let limits: Option<$crate::schema::Limits> =
                                $crate::schema::section!(@option $($limits)?);
                            keys.push($crate::reference::Key::new::<$type>(
                                &[stringify!($field), $(stringify!($alias)),*],
                                default, limits, &[$($key_doc),*], book,
                            ));
                        })*
                        book.form($what, &[$name, $($other),*], &[$($form_doc),*], keys);
                    })*
                }
            }
        }
    };
}
pub(crate) use choice;
