/**
 * What `randomClip` takes for a CLIP as small as a test can do with.
 * @param more `vision` and `text`: fields in place of, or beside, those of the two towers
 */
export const smallClipConfig = ({
  projection = 8,
  vision = {},
  text = {},
}: {
  readonly projection?: number
  readonly vision?: Readonly<Record<string, unknown>>
  readonly text?: Readonly<Record<string, unknown>>
} = {}) => ({
  projection_dim: projection,
  vision_config: { hidden_size: 16, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2, ...vision },
  text_config: {
    hidden_size: 8,
    intermediate_size: 8,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    vocab_size: 514,
    ...text,
  },
})
