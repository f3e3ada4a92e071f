// RUN: hone-opt %s --hone-fold-weights --verify-diagnostics --split-input-file

// A circle of recipes.
// expected-error@+1 {{@a is made of itself, by @b, by @c; a recipe wants weights that are there without it}}
hone.weight @a : tensor<4x6xf32> = #hone.reshape<@b>
hone.weight @b : tensor<24xf32> = #hone.reshape<@c>
hone.weight @c : tensor<24xf32> = #hone.reshape<@a>

// -----

// expected-error@+1 {{@w is made of itself; a recipe wants weights}}
hone.weight @w : tensor<0xf32> = #hone.concat<[@w, @w], axis = 0>
