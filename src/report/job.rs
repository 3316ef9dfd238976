//! A job's parameters in words.

use serde_json::Value;

use crate::measure::SummaryParameters;

/// The parameters that tell jobs apart at a glance, in this order.
const TELLING: [&str; 8] = ["data", "layers", "batch", "protocol", "comparison", "engine", "key_bits", "key_form"];

/// A job in one line, as `breast_cancer, 30-16-2, batch 32, packed, blinded, gmp, 2048 bits`; `label` where the file names none of
/// these parameters.
pub fn describe_job(parameters: &SummaryParameters, label: &str) -> String {
    let words = TELLING.iter().filter_map(|name| {
        let value = parameters.get(*name)?;
        let text = parameter_text(value);
        if (*name, text.as_str()) == ("key_form", "full") {
            // As keys are if nobody asks.
            return None;
        }
        Some(match *name {
            "key_form" => format!("keys with a {text}"),
            "key_bits" => format!("{text} bits"),
            "batch" => format!("batch {text}"),
            _ => text,
        })
    });
    let words: Vec<String> = words.collect();
    if words.is_empty() { label.to_owned() } else { words.join(", ") }
}

/// A parameter as text; lists of numbers are joined as layers are.
pub fn parameter_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(parameter_text).collect::<Vec<_>>().join("-"),
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_is_named_by_what_tells_it_apart() {
        let value = json!({"data": "xor", "layers": [2, 8, 2], "seed": 3, "batch": 8, "key_bits": 2048});
        let Value::Object(mut parameters) = value else { unreachable!("it is an object") };
        assert_eq!(describe_job(&parameters, "train"), "xor, 2-8-2, batch 8, 2048 bits");
        parameters.insert("key_form".into(), "full".into());
        assert_eq!(describe_job(&parameters, "train"), "xor, 2-8-2, batch 8, 2048 bits");
        parameters.insert("key_form".into(), "subgroup".into());
        assert!(describe_job(&parameters, "train").ends_with("2048 bits, keys with a subgroup"));
        assert_eq!(describe_job(&SummaryParameters::new(), "train"), "train");
    }
}
