//! A table of keys as a struct.

/// Defines a struct whose fields are the keys of a table:
///
/// ```text
/// section! {
///     /// What the table is for.
///     Training {
///         @ ..part: Part;                      the keys of another section, before these
///         /// What the key is for.
///         epochs: usize = 10 => COUNT,         a default and limits; both may be left out
///         batch_size | batch: usize = 32;      another name of the key
///         ..more: More;                        the keys of another section, behind these
///     }
/// }
/// ```
macro_rules! section {
    (
        $(#[doc = $doc:literal])*
        $name:ident $(<const $axes:ident>)? {
            $(@ $(#[doc = $head_doc:literal])* .. $head:ident : $head_type:ty ;)*
            $(
                $(#[doc = $key_doc:literal])*
                $field:ident $(| $alias:ident)* : $type:ty $(= $default:expr)? $(=> $limits:expr)?
            ),*
            $(,)?
            $(; $(#[doc = $part_doc:literal])* .. $part:ident : $part_type:ty)*
            $(;)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name $(<const $axes: usize>)? {
            $($(#[doc = $head_doc])* pub $head: $head_type,)*
            $($(#[doc = $key_doc])* pub $field: $type,)*
            $($(#[doc = $part_doc])* pub $part: $part_type,)*
        }

        impl $(<const $axes: usize>)? $name $(<$axes>)? {
            /// What the reference says of it, line by line.
            #[allow(dead_code, reason = "tables that are no form of a choice are described by name")]
            pub(crate) const DOC: &'static [&'static str] = &[$($doc),*];
        }

        impl $(<const $axes: usize>)? $crate::schema::Section for $name $(<$axes>)? {
            #[allow(unused_mut, reason = "a table without keys of its own")]
            fn names(
                _fields: &$crate::schema::Fields<'_>,
            ) -> Result<Vec<&'static str>, $crate::node::Mistake> {
                let mut names: Vec<&'static str> =
                    vec![$(stringify!($field), $(stringify!($alias),)*)*];
                $(names.extend(<$head_type as $crate::schema::Section>::names(_fields)?);)*
                $(names.extend(<$part_type as $crate::schema::Section>::names(_fields)?);)*
                Ok(names)
            }

            fn take(_fields: &$crate::schema::Fields<'_>) -> Result<Self, $crate::node::Mistake> {
                $(
                    let default = $crate::schema::section!(@option $($default)?);
                    let limits = $crate::schema::section!(@option $($limits)?);
                    let names = [stringify!($field), $(stringify!($alias)),*];
                    let $field: $type = _fields.take(&names, default, limits)?;
                )*
                $(let $head = <$head_type as $crate::schema::Section>::take(_fields)?;)*
                $(let $part = <$part_type as $crate::schema::Section>::take(_fields)?;)*
                Ok($name { $($head,)* $($field,)* $($part,)* })
            }

            fn put(&self, _entries: &mut Vec<$crate::node::Entry>) {
                $($crate::schema::Section::put(&self.$head, _entries);)*
                $(
                    if let Some(node) = $crate::schema::Setting::write(&self.$field) {
                        let key = stringify!($field).to_owned();
                        _entries.push($crate::node::Entry { key, place: Default::default(), node });
                    }
                )*
                $($crate::schema::Section::put(&self.$part, _entries);)*
            }

            #[allow(unused_mut, reason = "a table without keys of its own")]
            fn keys(_book: &mut $crate::reference::Book) -> Vec<$crate::reference::Key> {
                let mut keys = Vec::new();
                $(keys.extend(<$head_type as $crate::schema::Section>::keys(_book));)*
                $({
                    let default: Option<$type> = $crate::schema::section!(@option $($default)?);
                    let limits: Option<$crate::schema::Limits> =
                        $crate::schema::section!(@option $($limits)?);
                    keys.push($crate::reference::Key::new::<$type>(
                        &[stringify!($field), $(stringify!($alias)),*], default, limits, &[$($key_doc),*], _book,
                    ));
                })*
                $(keys.extend(<$part_type as $crate::schema::Section>::keys(_book));)*
                keys
            }
        }

        impl $(<const $axes: usize>)? $crate::schema::Setting for $name $(<$axes>)? {
            fn kind() -> String {
                format!("a table of {}", stringify!($name).to_lowercase())
            }

            fn read(node: &$crate::node::Node) -> Result<Self, $crate::node::Mistake> {
                $crate::schema::read_section(node)
            }

            fn write(&self) -> Option<$crate::node::Node> {
                let mut entries = Vec::new();
                $crate::schema::Section::put(self, &mut entries);
                Some($crate::node::Node::of($crate::node::Value::Table(entries)))
            }

            fn absent() -> Option<$crate::node::Node> {
                Some($crate::node::Node::of($crate::node::Value::Table(Vec::new())))
            }

            fn chapter() -> Option<String> {
                Some(stringify!($name).to_lowercase())
            }

            fn describe(book: &mut $crate::reference::Book) {
                book.table::<Self>(&stringify!($name).to_lowercase(), &[$($doc),*]);
            }
        }
    };
    (@option) => { None };
    (@option $value:expr) => { Some($value) };
}
pub(crate) use section;
