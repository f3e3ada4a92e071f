// The inner loops of convolutions, for both instruction sets: fused multiply-adds on whole registers, no spill. The first
// layer's runs of 21 elements go in iterations that leave no rest; positions of a depthwise convolution share loads.
//
// RUN: hone compile %s --target=x86-64-v3 --emit=asm -o - | FileCheck %s --check-prefix=AVX2
// RUN: hone compile %s --target=x86-64-v4 --emit=asm -o - | FileCheck %s --check-prefix=AVX512
// RUN: hone compile %s --target=x86-64-v4 --emit=kernels -o - | FileCheck %s --check-prefix=KERNELS

// What two readers of a convolution make of it comes together, and is one kernel with it.
// KERNELS: hone.weight @w_packed : tensor<1x1x7x7x3x64xf32> = #hone.pack<@w, dims = [1], tiles = [64]
// KERNELS: hone.weight @d_packed : tensor<1x3x3x1x64xf32> = #hone.pack<@d, dims = [], tiles = [], order = [1, 2, 3, 4, 0]>
// KERNELS: hone.kernel @k0_conv_relu({{.*}} family = "conv", parameters = {by_row = 0 : i64, positions = 192 : i64, rows = 6 : i64, vectors = 4 : i64}
// KERNELS: hone.kernel @k1_conv_sigmoid_mul({{.*}} family = "conv"
// KERNELS: hone.kernel @k2_conv({{.*}} family = "window", parameters = {block_positions = 512 : i64, tile_positions = 8 : i64}
// KERNELS: hone.kernel @k3_pool({{.*}} family = "window"

// AVX2-LABEL: conv_6x2_run21:
// AVX2:       vfmadd231ps {{.*}}%ymm
// AVX2-NOT:   ymm{{.*}}(%rsp)
// AVX2:       j{{.*}} .LBB
// AVX2-LABEL: conv_6x2:
// AVX2:       prefetch
// AVX2-NOT:   ymm{{.*}}(%rsp)
// AVX2:       vfmadd231ps {{.*}}%ymm
// AVX2-NOT:   ymm{{.*}}(%rsp)
// AVX2:       j{{.*}} .LBB
// AVX2-LABEL: window_4x3:
// AVX2-COUNT-12: vfmadd{{.*}}%ymm

// AVX512-LABEL: conv_6x4_run21:
// AVX512:       prefetch
// AVX512-NOT:   zmm{{.*}}(%rsp)
// AVX512:       vfmadd231ps {{.*}}%zmm
// AVX512-NOT:   zmm{{.*}}(%rsp)
// AVX512:       j{{.*}} .LBB
// AVX512-LABEL: conv_6x4:
// AVX512:       prefetch
// AVX512-NOT:   zmm{{.*}}(%rsp)
// AVX512:       vfmadd231ps {{.*}}%zmm
// AVX512-NOT:   zmm{{.*}}(%rsp)
// AVX512:       j{{.*}} .LBB
// AVX512-LABEL: window_8x3:
// AVX512-COUNT-24: vfmadd{{.*}}%zmm
module @window {
  hone.weight @w : tensor<1x64x7x7x3xf32> = dense<0.5> : tensor<1x64x7x7x3xf32>
  hone.weight @v : tensor<1x64x3x3x64xf32> = dense<0.25> : tensor<1x64x3x3x64xf32>
  hone.weight @d : tensor<64x1x3x3x1xf32> = dense<0.125> : tensor<64x1x3x3x1xf32>
  func.func @main(%x: tensor<1x64x64x3xf32> {hone.name = "x"}) -> (tensor<1x16x16x64xf32> {hone.name = "y"}) {
    %w = hone.use_weight @w : tensor<1x64x7x7x3xf32>
    %v = hone.use_weight @v : tensor<1x64x3x3x64xf32>
    %d = hone.use_weight @d : tensor<64x1x3x3x1xf32>
    %0 = hone.conv %x, %w strides [2, 2] dilations [1, 1] pads [3, 3] [3, 3]
       : tensor<1x64x64x3xf32>, tensor<1x64x7x7x3xf32> -> tensor<1x32x32x64xf32>
    %1 = hone.relu %0 : tensor<1x32x32x64xf32> -> tensor<1x32x32x64xf32>
    %2 = hone.conv %1, %v strides [1, 1] dilations [1, 1] pads [1, 1] [1, 1]
       : tensor<1x32x32x64xf32>, tensor<1x64x3x3x64xf32> -> tensor<1x32x32x64xf32>
    %3 = hone.sigmoid %2 : tensor<1x32x32x64xf32> -> tensor<1x32x32x64xf32>
    %4 = hone.mul %2, %3 : tensor<1x32x32x64xf32>, tensor<1x32x32x64xf32> -> tensor<1x32x32x64xf32>
    %5 = hone.conv %4, %d strides [1, 1] dilations [1, 1] pads [1, 1] [1, 1]
       : tensor<1x32x32x64xf32>, tensor<64x1x3x3x1xf32> -> tensor<1x32x32x64xf32>
    %6 = hone.pool max %5 [2, 2] strides [2, 2] dilations [1, 1] pads [0, 0] [0, 0]
       : tensor<1x32x32x64xf32> -> tensor<1x16x16x64xf32>
    return %6 : tensor<1x16x16x64xf32>
  }
}
