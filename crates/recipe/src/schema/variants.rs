//! One of several sections, told apart by a tag, as an enum.

/// Defines an enum whose forms are sections, each with what the reference says in its own place.
///
/// ```text
/// variants! {
///     /// What it is.
///     Split: "split", "by" {
///         "fraction" => Fraction,       the section Fraction
///         "conv2d" => Conv2d(Conv<2>),  the section Conv<2>
///     }
/// }
/// ```
macro_rules! variants {
    (
        $(#[doc = $doc:literal])*
        $enum:ident : $what:literal, $tag:literal {
            $($name:literal $(| $other:literal)* => $variant:ident ($type:ty)),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $enum {
            $(
                #[doc = concat!("`", $name, "`")]
                $variant($type),
            )*
        }

        impl $enum {
            /// The name that tells this form from the others.
            pub fn form(&self) -> &'static str {
                match self {
                    $($enum::$variant(_) => $name,)*
                }
            }
        }

        impl $crate::schema::Section for $enum {
            fn names(
                fields: &$crate::schema::Fields<'_>,
            ) -> Result<Vec<&'static str>, $crate::node::Mistake> {
                let name = fields.tag($tag, $what, &[$(($name, &[$($other),*])),*])?;
                let mut names = vec![$tag];
                $(if name == $name {
                    names.extend(<$type as $crate::schema::Section>::names(fields)?);
                })*
                Ok(names)
            }

            fn take(fields: &$crate::schema::Fields<'_>) -> Result<Self, $crate::node::Mistake> {
                let name = fields.tag($tag, $what, &[$(($name, &[$($other),*])),*])?;
                $(if name == $name {
                    return <$type as $crate::schema::Section>::take(fields).map($enum::$variant);
                })*
                Err($crate::node::Mistake::new(&Default::default(), concat!("a ", $what, " without a form")))
            }

            fn put(&self, entries: &mut Vec<$crate::node::Entry>) {
                let node = $crate::node::Node::text(self.form());
                entries.push($crate::node::Entry { key: $tag.to_owned(), place: Default::default(), node });
                match self {
                    $($enum::$variant(form) => $crate::schema::Section::put(form, entries),)*
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
                        let keys = <$type as $crate::schema::Section>::keys(book);
                        book.form($what, &[$name, $($other),*], <$type>::DOC, keys);
                    })*
                }
            }
        }
    };
}
pub(crate) use variants;
