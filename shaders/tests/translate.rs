//! Every linked kernel as naga translates it for Vulkan, Metal, DX12, OpenGL and browsers: adapters
//! that are not at hand are covered as far as a compiler can see.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_shaders::{KERNELS, Kernel, module};
use naga::back::{PipelineConstants, glsl, hlsl, msl, pipeline_constants::process_overrides, spv, wgsl};
use naga::proc::BoundsCheckPolicies;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{Module, ShaderStage};

/// The kernel with every `override` set to 1, which all of them allow, and with all functions that
/// fusion may call.
fn parsed(kernel: &Kernel, hole: Option<&str>) -> (Module, ModuleInfo) {
    let default = module(&format!("hole_{}", kernel.hole)).unwrap_or_default();
    let text = format!("{}{}", kernel.source, hole.unwrap_or(default));
    let module =
        naga::front::wgsl::parse_str(&text).unwrap_or_else(|e| panic!("{}", e.emit_to_string(&text)));
    let info = validator().validate(&module).unwrap_or_else(|e| panic!("{}: {e:?}", kernel.name));
    let constants: PipelineConstants =
        kernel.overrides.iter().map(|name| ((*name).to_owned(), 1.0)).collect();
    let (module, info) = process_overrides(&module, &info, Some((ShaderStage::Compute, "main")), &constants)
        .unwrap_or_else(|e| panic!("{}: {e}", kernel.name));
    (module.into_owned(), info.into_owned())
}

fn validator() -> Validator {
    Validator::new(ValidationFlags::all(), Capabilities::all())
}

/// Translates a kernel to every language; the first that refuses it is named.
fn translate(kernel: &Kernel, hole: Option<&str>) -> Result<(), String> {
    let (module, info) = parsed(kernel, hole);
    let words = spv::write_vec(
        &module,
        &info,
        &spv::Options { lang_version: (1, 3), ..spv::Options::default() },
        None,
    );
    assert!(words.map_err(|e| format!("SPIR-V: {e}"))?.len() > 5);

    let options =
        msl::Options { lang_version: (2, 4), fake_missing_bindings: true, ..msl::Options::default() };
    let (metal, _) = msl::write_string(&module, &info, &options, &msl::PipelineOptions::default())
        .map_err(|e| format!("MSL: {e}"))?;
    assert!(metal.contains("kernel void"));

    let mut directx = String::new();
    let options = hlsl::Options { shader_model: hlsl::ShaderModel::V6_0, ..hlsl::Options::default() };
    hlsl::Writer::new(&mut directx, &options, &hlsl::PipelineOptions::default())
        .write(&module, &info, None)
        .map_err(|e| format!("HLSL: {e}"))?;
    assert!(directx.contains("numthreads"));

    // naga 30 writes an array whose size is an `override` without its element type. Browsers are given
    // the kernel's own text, which was parsed and validated above.
    let has_override_size = |inner: &naga::TypeInner| {
        matches!(inner, naga::TypeInner::Array { size: naga::ArraySize::Pending(_), .. })
    };
    if !module.types.iter().any(|(_, ty)| has_override_size(&ty.inner)) {
        let browser = wgsl::write_string(&module, &info, wgsl::WriterFlags::empty())
            .map_err(|e| format!("WGSL: {e}"))?;
        let again = naga::front::wgsl::parse_str(&browser).map_err(|e| e.emit_to_string(&browser))?;
        validator().validate(&again).map_err(|e| format!("WGSL again: {e:?}"))?;
    }

    let mut opengl = String::new();
    let options = glsl::Options { version: glsl::Version::Desktop(460), ..glsl::Options::default() };
    let pipeline = glsl::PipelineOptions {
        shader_stage: ShaderStage::Compute,
        entry_point: "main".into(),
        multiview: None,
    };
    let policies = BoundsCheckPolicies::default();
    let mut writer = glsl::Writer::new(&mut opengl, &module, &info, &options, &pipeline, policies)
        .map_err(|e| format!("GLSL: {e}"))?;
    writer.write().map_err(|e| format!("GLSL: {e}"))?;
    assert!(opengl.contains("void main"));
    Ok(())
}

#[test]
fn every_kernel_is_translated_to_every_language() {
    let failed: Vec<String> = KERNELS
        .iter()
        .filter_map(|kernel| translate(kernel, None).err().map(|error| format!("{}: {error}", kernel.name)))
        .collect();
    assert!(!KERNELS.is_empty());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// What fusion writes for packed 16-bit floats: read in groups and one by one, and stored in groups.
#[test]
fn packed_halves_are_translated_to_every_language() {
    for dtype in ["f16", "bf16"] {
        let pointwise = format!(
            "@group(0) @binding(2) var<storage, read> e0: array<vec2<u32>>;
             @group(0) @binding(3) var<storage, read> e1: array<u32>;
             alias Y = vec2<u32>;
             fn prepare() {{}}
             fn value(i: u32) -> Y {{
                 let v0 = f32_of_{dtype}(halves_of(e0[i]));
                 let v1 = f32_of_{dtype}(U(half_at(e1[i / 2u], i)));
                 return words_of({dtype}_of_f32(v0 + v1));
             }}"
        );
        translate(&anygrad_shaders::POINTWISE, Some(&pointwise)).unwrap();
        let epilogue = format!(
            "alias Y = vec2<u32>;
             fn epilogue(value: T, i: u32) -> Y {{ return words_of({dtype}_of_f32(value)); }}"
        );
        for kernel in KERNELS.iter().filter(|k| k.hole == "epilogue" && k.source.contains("const LANES = 4u"))
        {
            translate(kernel, Some(&epilogue)).unwrap_or_else(|e| panic!("{}: {e}", kernel.name));
        }
    }
}

#[test]
fn kernels_stay_within_what_every_adapter_offers() {
    for kernel in KERNELS {
        assert!(kernel.bindings.len() <= 8, "{}: {} storage buffers", kernel.name, kernel.bindings.len());
        let (module, _) = parsed(kernel, None);
        let invocations: u32 = module.entry_points[0].workgroup_size.iter().product();
        assert!(invocations <= 256, "{}: {invocations} invocations in a workgroup", kernel.name);
        let layouter = {
            let mut layouter = naga::proc::Layouter::default();
            layouter.update(module.to_ctx()).unwrap();
            layouter
        };
        let bytes: u32 = module
            .global_variables
            .iter()
            .filter(|(_, variable)| variable.space == naga::AddressSpace::WorkGroup)
            .map(|(_, variable)| layouter[variable.ty].size)
            .sum();
        assert!(bytes <= 16 << 10, "{}: {bytes} bytes of workgroup memory", kernel.name);
    }
}
