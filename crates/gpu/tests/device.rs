//! The device layer on a real adapter: the software one, unless `ANYGRAD_ADAPTER` names another.
//! Without an adapter these tests fail.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_core::Result;
use anygrad_gpu::{Buffer, Choice, Command, Device, adapters};
use pollster::block_on;

const ADD: &str = "
    struct Params { count: u32, step: f32 }
    override SCALE: f32 = 1.0;
    @group(0) @binding(0) var<uniform> params: Params;
    @group(0) @binding(1) var<storage, read> x: array<f32>;
    @group(0) @binding(2) var<storage, read_write> y: array<f32>;
    @compute @workgroup_size(64)
    fn main(@builtin(global_invocation_id) id: vec3u) {
        if id.x < params.count { y[id.x] = y[id.x] + SCALE * x[id.x] + params.step; }
    }
";

fn open() -> Device {
    let choice = Choice::from_env_or(Choice::Software);
    block_on(Device::open(&choice)).expect("these tests need an adapter")
}

fn params(count: u32, step: f32) -> Vec<u8> {
    [count.to_le_bytes(), step.to_le_bytes()].concat()
}

/// y = y + scale * x + 0.5 over 100 elements.
struct Adder {
    device: Device,
    x: Buffer,
    y: Buffer,
    command: Command,
}

impl Adder {
    fn new(device: &Device, overrides: &[(&str, f64)]) -> Result<Self> {
        let (x, y) = (device.buffer("x", 400)?, device.buffer("y", 400)?);
        let uniform = device.uniform("params", &params(100, 0.5))?;
        let pipeline = device.pipeline("add", ADD, &[false, true], overrides)?;
        let bindings = device.bind(&pipeline, (&uniform, 0, 8), &[&x, &y])?;
        let command = Command::Dispatch { pipeline, bindings, workgroups: [2, 1, 1] };
        Ok(Adder { device: device.clone(), x, y, command })
    }

    fn write(&self) -> Result<()> {
        let numbers: Vec<f32> = (0..100).map(|i| i as f32).collect();
        self.device.write(&self.x, 0, bytemuck::cast_slice(&numbers))
    }

    fn read(&self) -> Result<Vec<f32>> {
        let bytes = block_on(self.device.read(&self.y, 0, 400))?;
        Ok(bytemuck::pod_collect_to_vec(&bytes))
    }

    fn check(&self, scale: f32) {
        self.write().unwrap();
        self.device.submit(std::slice::from_ref(&self.command)).unwrap();
        let expected: Vec<f32> = (0..100).map(|i| i as f32 * scale + 0.5).collect();
        assert_eq!(self.read().unwrap(), expected);
    }
}

#[test]
fn a_kernel_runs_and_its_result_is_read_back() {
    let device = open();
    let adder = Adder::new(&device, &[]).unwrap();
    assert_eq!(adder.read().unwrap(), vec![0.0; 100], "new buffers hold zeros");
    adder.check(1.0);
    assert_eq!(adder.y.bytes(), 400);
    assert_eq!(device.buffer("odd", 401).unwrap().bytes(), 416);
    assert_eq!(device.buffer("empty", 0).unwrap().bytes(), 16);
}

#[test]
fn overrides_reach_the_kernel() {
    Adder::new(&open(), &[("SCALE", 3.0)]).unwrap().check(3.0);
}

#[test]
fn commands_run_in_order_with_copies_between() {
    let device = open();
    let adder = Adder::new(&device, &[]).unwrap();
    adder.write().unwrap();
    let nothing = match adder.command.clone() {
        Command::Dispatch { pipeline, bindings, .. } => {
            Command::Dispatch { pipeline, bindings, workgroups: [0, 1, 1] }
        }
        copy => copy,
    };
    let copy = Command::Copy { from: adder.y.clone().into(), to: adder.x.clone().into(), bytes: 400 };
    let add = || adder.command.clone();
    device.warm_up(&[add(), copy.clone()]).unwrap();
    // y = i + 1/2; x = y; y = y + x + 1/2 = 2 i + 3/2.
    device.submit(&[add(), nothing, copy, add()]).unwrap();
    let expected: Vec<f32> = (0..100).map(|i| 2.0 * i as f32 + 1.5).collect();
    assert_eq!(adder.read().unwrap(), expected);
}

#[test]
fn the_same_kernel_is_compiled_once() {
    let device = open();
    let make = |overrides| device.pipeline("add", ADD, &[false, true], overrides).unwrap();
    assert_eq!(make(&[]), make(&[]));
    assert_ne!(make(&[]), make(&[("SCALE", 2.0)]));
}

#[test]
fn kernels_that_do_not_compile_leave_the_device_usable() {
    let device = open();
    let wrong = device.pipeline("broken", "fn main( {", &[], &[]).unwrap_err();
    assert!(wrong.is_internal(), "{wrong:?}");
    assert!(wrong.to_string().starts_with("compiling kernel broken: reading the WGSL: "), "{wrong}");
    // The layout says that y is only read.
    let unlike = device.pipeline("add", ADD, &[false, false], &[]).unwrap_err();
    assert!(unlike.to_string().contains("making the pipeline"), "{unlike}");
    assert!(device.pipeline("add", ADD, &[false, true], &[("NO_SUCH", 1.0)]).unwrap_err().is_internal());
    Adder::new(&device, &[]).unwrap().check(1.0);
}

#[test]
fn sizes_beyond_the_adapter_are_refused_with_numbers() {
    let device = open();
    let caps = device.caps().clone();
    let error = device.buffer("huge", caps.max_buffer_bytes + 1).unwrap_err();
    assert!(error.is_unsupported());
    assert!(error.to_string().contains(&caps.max_buffer_bytes.to_string()), "{error}");
    assert!(device.buffer("endless", u64::MAX).unwrap_err().is_unsupported());

    if caps.max_binding_bytes < caps.max_buffer_bytes {
        let large = device.buffer("large", caps.max_binding_bytes + 16).unwrap();
        let small = device.buffer("small", 16).unwrap();
        let uniform = device.uniform("params", &params(1, 0.0)).unwrap();
        let pipeline = device.pipeline("add", ADD, &[false, true], &[]).unwrap();
        let error = device.bind(&pipeline, (&uniform, 0, 8), &[&large, &small]).err().unwrap();
        assert!(error.is_unsupported() && error.to_string().contains("large"), "{error:?}");
    }
    let mut command = Adder::new(&device, &[]).unwrap().command;
    if let Command::Dispatch { workgroups, .. } = &mut command {
        *workgroups = [1, caps.max_workgroups + 1, 1];
    }
    assert!(device.submit(&[command]).unwrap_err().is_unsupported());
    Adder::new(&device, &[]).unwrap().check(1.0);
}

#[test]
fn ranges_that_are_unaligned_or_outside_are_refused() {
    let device = open();
    let buffer = device.buffer("x", 16).unwrap();
    for (offset, bytes) in [(2, 4), (0, 3), (12, 8), (16, 4)] {
        let error = device.write(&buffer, offset, &vec![0; bytes]).unwrap_err();
        assert!(error.is_input(), "{error:?}");
        assert!(block_on(device.read(&buffer, offset, bytes as u64)).unwrap_err().is_input());
    }
    assert!(block_on(device.read(&buffer, 4, u64::MAX - 3)).unwrap_err().is_input());
    assert_eq!(block_on(device.read(&buffer, 8, 0)).unwrap(), [0u8; 0]);
}

#[test]
fn wrong_bindings_are_refused_before_wgpu_sees_them() {
    let device = open();
    let pipeline = device.pipeline("add", ADD, &[false, true], &[]).unwrap();
    let (x, uniform) = (device.buffer("x", 16).unwrap(), device.uniform("p", &params(1, 0.0)).unwrap());
    assert!(device.bind(&pipeline, (&uniform, 0, 8), &[&x]).err().unwrap().is_internal());
    let both = device.bind(&pipeline, (&uniform, 0, 8), &[&x, &x]).err().unwrap();
    assert!(both.to_string().contains("both to read and to write"), "{both}");
    assert!(device.bind(&pipeline, (&uniform, 4, 4), &[&x, &x]).is_err());
    let stranger = open().buffer("stranger", 16).unwrap();
    let error = device.bind(&pipeline, (&uniform, 0, 8), &[&x, &stranger]).err().unwrap();
    assert!(error.to_string().contains("another device"), "{error}");
}

#[test]
fn adapters_are_chosen_by_place_and_name() {
    let list = adapters().unwrap();
    assert!(!list.is_empty(), "these tests need an adapter");
    let last = list.len() - 1;
    assert_eq!(block_on(Device::open(&Choice::Index(last))).unwrap().caps(), &list[last]);
    let name = list[0].name.to_uppercase();
    assert_eq!(block_on(Device::open(&Choice::Name(name))).unwrap().caps(), &list[0]);
    let none = block_on(Device::open(&Choice::Name("Voodoo 2".into()))).err().unwrap();
    assert!(none.is_input() && none.to_string().contains(&list[0].name), "{none:?}");
    assert!(block_on(Device::open(&Choice::Index(list.len()))).err().unwrap().is_input());
    assert!(block_on(Device::open(&Choice::Interpreter)).err().unwrap().is_input());
}

#[test]
fn a_lost_device_says_so_and_another_can_be_opened() {
    let device = open();
    let adder = Adder::new(&device, &[]).unwrap();
    adder.check(1.0);
    device.destroy();
    let error = device.buffer("after", 16).unwrap_err();
    assert!(error.is_device_lost(), "{error:?}");
    assert!(device.check().unwrap_err().is_device_lost());
    assert!(device.submit(&[]).unwrap_err().is_device_lost());
    assert!(device.wait().unwrap_err().is_device_lost());
    assert!(adder.write().unwrap_err().is_device_lost());
    assert!(adder.read().unwrap_err().is_device_lost());
    drop((adder, device));
    Adder::new(&open(), &[]).unwrap().check(1.0);
}

#[test]
fn every_call_notices_a_loss_by_itself() {
    type Call = fn(&Adder) -> Result<()>;
    let calls: [(&str, Call); 6] = [
        ("submit", |adder| adder.device.submit(std::slice::from_ref(&adder.command))),
        ("wait", |adder| adder.device.wait()),
        ("write", Adder::write),
        ("read", |adder| adder.read().map(|_| ())),
        ("uniform", |adder| adder.device.uniform("p", &[0; 16]).map(|_| ())),
        ("pipeline", |adder| adder.device.pipeline("x", ADD, &[false, true], &[("SCALE", 9.0)]).map(|_| ())),
    ];
    for (name, call) in calls {
        let adder = Adder::new(&open(), &[]).unwrap();
        adder.device.destroy();
        let error = call(&adder).err().unwrap_or_else(|| panic!("{name} succeeds on a lost device"));
        assert!(error.is_device_lost(), "{name}: {error:?}");
    }
}

#[test]
fn two_devices_and_several_threads_work_at_once() {
    fn is_send<T: Send>(_: T) {}
    let (first, second) = (open(), open());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let device = if thread % 2 == 0 { &first } else { &second };
            scope.spawn(move || {
                for _ in 0..20 {
                    Adder::new(device, &[]).unwrap().check(1.0);
                }
            });
        }
    });
    is_send(Device::open(&Choice::Best));
    is_send(first.read(&first.buffer("x", 16).unwrap(), 0, 16));
}

#[test]
fn buffers_outlive_their_device() {
    let device = open();
    let adder = Adder::new(&device, &[]).unwrap();
    adder.check(1.0);
    let Adder { device: clone, x, command, .. } = adder;
    drop((device, clone));
    assert_eq!(x.bytes(), 400);
    drop((x, command));
}

/// A thread's poll may collect another thread's callback and be put to sleep before it calls it: a
/// read must not take "no answer yet" for a lost device.
#[test]
fn threads_share_a_device() {
    let device = open();
    std::thread::scope(|scope| {
        for thread in 0..8u32 {
            let device = &device;
            scope.spawn(move || {
                let buffer = device.buffer("shared", 64).unwrap();
                for round in 0..500u32 {
                    let bytes = (thread * 1000 + round).to_le_bytes().repeat(16);
                    device.write(&buffer, 0, &bytes).unwrap();
                    assert_eq!(block_on(device.read(&buffer, 0, 64)).unwrap(), bytes);
                }
            });
        }
    });
}
