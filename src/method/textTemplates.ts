/** The supplement's 14 templates (section 2.2): they vary the embedding and leave the meaning. */
export const textTemplates = [
  'photo of {}.',
  'high quality photo of {}.',
  'a photo of {}.',
  'the photo of {}.',
  'image of {}.',
  'an image of {}.',
  'high quality image of {}.',
  'a high quality image of {}.',
  'the {}.',
  'a {}.',
  '{}.',
  '{}',
  '{}!',
  '{}...',
] as const

/** Templates for the edit layer over the green screen (published code; not in the supplement). */
export const screenTemplates = ['{} over a green screen.', '{} in front of a green screen.'] as const

/** Every prompt in every template, prompts outermost. */
export function fillTemplates(prompts: readonly string[], templates: readonly string[]): string[] {
  return prompts.flatMap((prompt) => templates.map((template) => template.replace('{}', () => prompt)))
}
