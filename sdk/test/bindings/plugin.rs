mod bindings;
use bindings::*;

struct Plugin;

impl Crossing for Plugin {
    fn greet(name: String, language: String) -> String {
        let greeting = app::greeting(&language).unwrap_or_else(|| "?".into());
        format!("{greeting}, {name}!")
    }
    fn maybe(text: Option<String>, yes: bool) -> Option<String> {
        if yes { text } else { None }
    }
    fn reverse(bytes: Option<Vec<u8>>) -> Option<Vec<u8>> {
        bytes.map(|bytes| app::reversed(&bytes).unwrap())
    }
    fn add(a: i8, b: u8, c: u64) -> u64 {
        (a as i64 + b as i64 + c as i64 + app::delete(None, None, true, 3, -3) as i64) as u64
    }
    fn even(n: i32) -> bool {
        app::is_even(n)
    }
    fn save(text: String) -> String {
        match app::save(&text) {
            Ok(()) => "saved".into(),
            Err(message) => message,
        }
    }
    fn echo(json: String) -> String {
        app::same(Some(&json)).unwrap_or_default()
    }
}

export_crossing!(Plugin);
