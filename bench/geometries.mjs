// The CLIPs of random weights that the benchmarks run, by name.

/** @type {Readonly<Record<string, { readonly name: string, readonly config: Record<string, unknown> }>>} */
export const geometries = {
  b32: { name: 'random ViT-B/32', config: {} },
  l14: {
    name: 'random ViT-L/14',
    config: {
      projection_dim: 768,
      vision_config: {
        hidden_size: 1024,
        intermediate_size: 4096,
        num_hidden_layers: 24,
        num_attention_heads: 16,
        patch_size: 14,
      },
    },
  },
}
