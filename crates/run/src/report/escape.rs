//! Text in a page.

use std::fmt::{self, Display, Write};

/// A text in which nothing is taken for a tag, and nothing unseen turns the letters around it.
pub(crate) struct Escaped<T>(pub(crate) T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            match letter {
                '&' => self.0.write_str("&amp;")?,
                '<' => self.0.write_str("&lt;")?,
                '>' => self.0.write_str("&gt;")?,
                '"' => self.0.write_str("&quot;")?,
                '\'' => self.0.write_str("&#39;")?,
                '\n' | '\t' => self.0.write_char(letter)?,
                // Directions of writing (Unicode, annex 9) could show a text in another order.
                '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => self.0.write_char('\u{FFFD}')?,
                letter if letter.is_control() => self.0.write_char('\u{FFFD}')?,
                letter => self.0.write_char(letter)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_letter_of_a_text_is_taken_for_a_tag() {
        let text = Escaped("<script a=\"b\" c='d'>&\u{0}\u{202E}\r é\n").to_string();
        assert_eq!(text, "&lt;script a=&quot;b&quot; c=&#39;d&#39;&gt;&amp;\u{FFFD}\u{FFFD}\u{FFFD} é\n");
        assert_eq!(Escaped(format_args!("{}<{}", 1, 2)).to_string(), "1&lt;2");
    }
}
