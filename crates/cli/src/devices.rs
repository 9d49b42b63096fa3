//! `anygrad devices`

use std::process::ExitCode;

use anygrad::core::{Caps, Result};
use anygrad::gpu::{self, Tuned, Verdict};
use clap::Args;
use serde_json::json;

use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Write one JSON object per adapter
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let adapters = gpu::adapters()?;
    for (index, caps) in adapters.iter().enumerate() {
        let verdict = Verdict::load(caps)?;
        let tuned = Tuned::load(caps);
        if arguments.json {
            let choices = tuned.map_or(None, |tuned| tuned).map_or(0, |tuned| tuned.choices.len());
            output::line(as_json(index, caps, verdict.as_ref(), choices))?;
            continue;
        }
        output::line(describe(index, caps))?;
        match verdict {
            None => output::line("   not verified: `anygrad verify` certifies it")?,
            Some(verdict) => {
                let Verdict { version, certificate, excluded, .. } = verdict;
                let short: String = certificate.chars().take(12).collect();
                let without = match excluded.is_empty() {
                    true => String::new(),
                    false => format!("; without {}", excluded.join(", ")),
                };
                output::line(format_args!("   verified by {version}: {short}{without}"))?;
            }
        }
        match tuned {
            Ok(None) => output::line("   not tuned: `anygrad train --tune` measures what is fastest")?,
            Ok(Some(tuned)) => {
                let count = tuned.choices.len();
                let path = Tuned::path(caps).map_or(String::new(), |path| path.display().to_string());
                output::line(format_args!("   tuned: {count} remembered choices in {path}"))?;
            }
            Err(error) => output::line(format_args!("   tuned, but what was kept is left aside: {error}"))?,
        }
    }
    if !arguments.json {
        if adapters.is_empty() {
            output::line(
                "This machine has no GPU adapter. `--adapter cpu` runs on the built-in interpreter.",
            )?;
        } else {
            output::line("cpu: the built-in CPU interpreter, slow and always there")?;
            output::line(
                "Choose with --adapter or ANYGRAD_ADAPTER: a number, part of a name, software, or cpu.",
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(index: usize, caps: &Caps) -> String {
    let mut features = Vec::new();
    if caps.f16 {
        features.push("f16".to_owned());
    }
    if let Some((least, most)) = caps.subgroup {
        features.push(if least == most {
            format!("subgroups of {least}")
        } else {
            format!("subgroups of {least} to {most}")
        });
    }
    if caps.timestamps {
        features.push("timestamps".to_owned());
    }
    format!(
        "{index}: {caps}\n   {:?}; buffers of {} MiB, bindings of {} MiB, {} storage buffers, {} invocations; {}",
        caps.kind,
        caps.max_buffer_bytes >> 20,
        caps.max_binding_bytes >> 20,
        caps.max_storage_buffers,
        caps.max_invocations,
        if features.is_empty() { "no optional features".to_owned() } else { features.join(", ") },
    )
}

fn as_json(index: usize, caps: &Caps, verdict: Option<&Verdict>, choices: usize) -> String {
    json!({
        "index": index,
        "name": caps.name,
        "driver": caps.driver,
        "backend": caps.backend,
        "kind": format!("{:?}", caps.kind),
        "max_buffer_bytes": caps.max_buffer_bytes,
        "max_binding_bytes": caps.max_binding_bytes,
        "max_storage_buffers": caps.max_storage_buffers,
        "max_invocations": caps.max_invocations,
        "max_workgroup_bytes": caps.max_workgroup_bytes,
        "subgroup": caps.subgroup,
        "f16": caps.f16,
        "timestamps": caps.timestamps,
        "verdict": verdict,
        "choices": choices,
    })
    .to_string()
}
