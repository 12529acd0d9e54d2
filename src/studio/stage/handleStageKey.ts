import type { StageModel } from './stageModel.js'

type Key = Pick<KeyboardEvent, 'key' | 'code' | 'ctrlKey' | 'metaKey' | 'shiftKey' | 'altKey'>

const step = 60
const zoomStep = 1.25

/** What the keys of the stage do; letters and signs by what is on the key, whatever the keyboard's language. */
const keys: Readonly<Record<string, (model: StageModel) => void>> = {
  '+': (model) => model.zoomBy(zoomStep),
  '=': (model) => model.zoomBy(zoomStep),
  '-': (model) => model.zoomBy(1 / zoomStep),
  '0': (model) => model.fit(),
  '1': (model) => model.zoomTo(1),
  ArrowLeft: (model) => model.panBy(step, 0),
  ArrowRight: (model) => model.panBy(-step, 0),
  ArrowUp: (model) => model.panBy(0, step),
  ArrowDown: (model) => model.panBy(0, -step),
  '[': (model) => model.resizeBrush(1 / 1.2),
  ']': (model) => model.resizeBrush(1.2),
  '{': (model) => model.hardenBrush(-0.1),
  '}': (model) => model.hardenBrush(0.1),
  b: (model) => (model.tool.value = 'brush'),
  e: (model) => (model.tool.value = 'eraser'),
  h: (model) => (model.tool.value = 'pan'),
}

/**
 * Does what a key means on the stage: zoom (`+ - 0 1`), pan (arrows), tools (B, E, H, C; Enter points at the
 * middle), the brush's size (`[ ]`) and
 * hardness (Shift+`[ ]`), undo and redo (Ctrl+Z, Ctrl+Shift+Z, Ctrl+Y). A page may call it for keys that were pressed
 * outside its fields.
 * @returns whether the key means anything here
 */
export function handleStageKey(model: StageModel, { key, code, ctrlKey, metaKey, shiftKey, altKey }: Key): boolean {
  const letter = key.toLowerCase()
  if (model.pointed.value !== null && !ctrlKey && !metaKey && !altKey && pointByKey(model, letter)) return true
  if (ctrlKey || metaKey) {
    const { stroked } = model
    if (altKey || stroked === null || (letter !== 'z' && letter !== 'y')) return false
    if (letter === 'y' || shiftKey) stroked.redo()
    else stroked.undo()
    return true
  }
  // Where brackets need AltGr the keys in their places serve as well.
  const placed = shiftKey ? { BracketLeft: '{', BracketRight: '}' } : { BracketLeft: '[', BracketRight: ']' }
  const action = keys[key] ?? keys[letter] ?? keys[placed[code as keyof typeof placed]]
  if (action === undefined || (altKey && !'[]{}'.includes(key))) return false
  action(model)
  return true
}

/** Of a photo nothing is pointed at, and these keys are the page's. */
function pointByKey(model: StageModel, letter: string): boolean {
  if (letter === 'c') model.tool.value = 'point'
  else if (letter === 'enter' && model.tool.value === 'point') model.pointAtMiddle()
  else return false
  return true
}
