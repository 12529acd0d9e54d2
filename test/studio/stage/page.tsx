import { render } from 'preact'
import { decodeLayer, decodePhoto } from '../../../src/studio/stage/decodePhoto.js'
import { writeMask } from '../../../src/studio/stage/maskFile.js'
import { MaskPainting } from '../../../src/studio/stage/maskPainting.js'
import { Stage } from '../../../src/studio/stage/stage.js'
import { StageModel } from '../../../src/studio/stage/stageModel.js'
import '../../../src/studio/stage/stage.css'

const model = new StageModel()
const page = { model, MaskPainting, decodePhoto, decodeLayer, writeMask }
export type StagePage = typeof page

Object.assign(globalThis, { page })
render(
  <Stage model={model} label="Photo" sliderLabel="Before and after" workingLabel="At work" />,
  document.getElementById('app')!,
)
