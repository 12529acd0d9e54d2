/** Names of what a run folder holds, besides its outputs. */
export const runFiles = {
  config: 'config.yaml',
  events: 'events.ndjson',
  checkpoint: 'checkpoint.safetensors',
  previews: 'previews',
  /** Which runs the layers below came from. */
  below: 'below.json',
  contactSheet: 'contact-sheet.png',
} as const

/** The picture of a photo's training after a step. */
export const previewFile = (step: number): string => `${runFiles.previews}/step-${String(step).padStart(6, '0')}.png`
