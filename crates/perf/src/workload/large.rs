//! Workloads that fill a GPU; those of software adapters are over before one is busy.

use anygrad_core::DType;
use anygrad_graph::Tensor;
use anygrad_nn::{
    Activation, BatchNorm, Conv2d, Dense, GlobalAvgPool, Layer, MaxPool2d, Padding, Scope, Sequential,
};

use super::{
    Workload, chain, classifier_step, cnn_step, convolutions, lstm, lstm_step, matmul, max_pool, rows, sum,
};

/// The workloads for GPUs. They have no goals: adapters differ too much.
pub fn large_workloads() -> Vec<Workload> {
    let mut all = vec![
        matmul("matmul 4096", None, [4096; 3], DType::F32),
        matmul("matmul 4096, f16", None, [4096; 3], DType::F16),
        matmul("matmul 2048", None, [2048; 3], DType::F32),
        matmul("matmul 512", None, [512; 3], DType::F32),
        matmul("matmul 64x4096x4096", None, [64, 4096, 4096], DType::F32),
        matmul("matmul 1x4096x16384", None, [1, 4096, 16384], DType::F32),
        matmul("matmul 128x65536x128", None, [128, 65536, 128], DType::F32),
    ];
    let wide = ["conv 3x3 64c 56x56", "its input gradient, 64c 56x56", "its weight gradient, 64c 56x56"];
    all.extend(convolutions(wide, None, [64, 64, 56, 56], [64, 64, 3, 3]));
    let deep = ["conv 3x3 256c 14x14", "its input gradient, 256c 14x14", "its weight gradient, 256c 14x14"];
    all.extend(convolutions(deep, None, [64, 256, 14, 14], [256, 256, 3, 3]));
    let point = ["conv 1x1 256c 56x56", "its input gradient, 1x1", "its weight gradient, 1x1"];
    all.extend(convolutions(point, None, [64, 256, 56, 56], [64, 256, 1, 1]));
    all.push(max_pool("max pool 64x64x112x112", None, [64, 64, 112, 112]));
    all.extend(rows(["softmax 32768x4096", "layer norm 32768x4096"], None, [32768, 4096]));
    all.push(chain("relu(a x + b) c + d, 128M", None, 1 << 27));
    all.push(sum("sum 256M", None, 1 << 28));
    all.extend(lstm(["LSTM 256", "LSTM 256 with gradients"], [None; 2], [32, 50], 256));
    all.extend(lstm(["LSTM 1024", "LSTM 1024 with gradients"], [None; 2], [64, 50], 1024));
    all.push(lstm_step("2x LSTM(256) step, B32 T50", None, [32, 50], 256));
    all.push(cnn_step("MNIST CNN step, batch 64", None, 64));
    all.push(cnn_step("MNIST CNN step, batch 1024", None, 1024));
    all.push(resnet_step("ResNet-18 step, 32x3x224x224", 32));
    all
}

/// Two convolutions of 3x3 with batch norm, around which the input goes: projected where sizes differ
/// (He et al. 2016, table 1, 18 layers).
struct Block {
    filters: usize,
    stride: usize,
}

impl Layer for Block {
    fn name(&self) -> String {
        "block".into()
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        let normed = Sequential::new().add(conv(self.filters, 3, self.stride)).add(BatchNorm::new());
        let inner = normed.add(Activation::Relu).add(conv(self.filters, 3, 1)).add(BatchNorm::new());
        let y = scope.layer(&inner, x);
        let around = match (self.stride, x.shape()[1] == self.filters) {
            (1, true) => x,
            _ => {
                let projection =
                    Sequential::new().add(conv(self.filters, 1, self.stride)).add(BatchNorm::new());
                scope.layer(&projection, x)
            }
        };
        (y + around).relu()
    }
}

fn conv(filters: usize, kernel: usize, stride: usize) -> Conv2d {
    let padding = Padding::Explicit([[kernel / 2; 2]; 2]);
    Conv2d::new(filters, kernel).stride(stride).padding(padding).bias(false)
}

fn resnet_step(name: &'static str, images: usize) -> Workload {
    // 1.8 billion multiplications for one image forwards; the gradients cost twice as much again.
    let operations = 6.0 * 1.82e9 * images as f64;
    let elements = 7 * 11_690_000 + images * 3 * 224 * 224;
    Workload::new(name, None, operations, elements, move |graph| {
        let mut model = Sequential::new()
            .add(conv(64, 7, 2))
            .add(BatchNorm::new())
            .add(Activation::Relu)
            .add(MaxPool2d::new(3).stride(2).padding(Padding::Explicit([[1; 2]; 2])));
        for (filters, stride) in [(64, 1), (128, 2), (256, 2), (512, 2)] {
            model = model.add(Block { filters, stride }).add(Block { filters, stride: 1 });
        }
        classifier_step(graph, &model.add(GlobalAvgPool).add(Dense::new(1000)), &[images, 3, 224, 224])
    })
}
