/**
 * The core without Node: everything that `import ... from 'text2live/core'` gives, for browsers and for other runtimes.
 *
 * @module text2live/core
 */
export { gradients } from './engine/gradients.js'
export { Graph, type DType, type Shape, type Value } from './engine/graph.js'
export { encodeModel, type OnnxModel } from './engine/onnx.js'
export * as ops from './engine/ops.js'
export {
  createRuntime,
  type Device,
  type OrtModule,
  type Program,
  type Runtime,
  type RuntimeOptions,
} from './engine/runtime.js'
export { Text2LiveError, type ErrorCode } from './errors.js'
export { checkClip } from './media/checkClip.js'
export type { ImageCodec, PictureSource } from './media/imageCodec.js'
export type { Clip, ClipTiming, ReadClipOptions } from './media/clip.js'
export { frameImage, type ClipFrames } from './media/clipFrames.js'
export { composeOutputs, type LayerOutputs } from './media/composeOutputs.js'
export { decodeVideo } from './media/decodeVideo.js'
export { browserCodec } from './media/web/browserCodec.js'
export { encodeVideo, type EncodeOptions, type WrittenClip } from './media/encodeVideo.js'
export { refineLayer, type RefineOptions } from './media/guided.js'
export type { FloatImage } from './media/image.js'
export { resize, type ResizeOptions } from './media/resample.js'
export { readSound, type Sound, type SoundTrack } from './media/sound.js'
export { checkGuidance, type GuidanceCheck } from './method/checkGuidance.js'
export { exportStep, type ExportStepOptions } from './method/exportStep.js'
export { relevancyMap } from './method/relevancyMap.js'
export type { Texts } from './method/textTargets.js'
export {
  createTrainer,
  type StepReport,
  type Trainer,
  type TrainerOptions,
  type TrainerState,
} from './method/trainer.js'
export { createBundledTokenizer } from './models/bundledTokenizer.js'
export { fetchSource, memorySource, type FileSource } from './models/fileSource.js'
export type { GuidanceAnswers, GuidanceModel, WeightInputs, WeightTensor } from './models/guidance.js'
export type { GuidanceParts, GuidancePlugin, GuidanceTools } from './models/guidancePlugin.js'
export { loadGuidance, type LoadGuidanceOptions } from './models/loadGuidance.js'
export { loadStart, type LearnedStart } from './models/learnedStart.js'
export { loadOutline, outlineMap, type OutlineModel } from './models/outline.js'
export { imageOptions, type GivenOptions, type ImageSettings } from './options/imageOptions.js'
export { presets, type PresetName } from './options/presets.js'
export { regionTexts, type RegionTexts } from './options/region.js'
export { resolveSettings } from './options/resolveSettings.js'
export type { ClipCodec, ClipSource } from './media/clipCodec.js'
export { videoOptions, type GivenVideoOptions, type VideoSettings } from './options/videoOptions.js'
export { outputFiles, type OutputName, type RunEvent } from './session/events.js'
export { type Job, jobSchema } from './session/job.js'
export type { LocatedPhoto } from './session/locatePhoto.js'
export { type MemoryStore, memoryStore } from './session/memoryStore.js'
export type { ModelOpener } from './session/openTrainer.js'
export type { OutputFiles } from './session/outputs.js'
export { RunControl } from './session/runControl.js'
export { runFiles } from './session/runFiles.js'
export type { ScoreReport } from './session/scorePhoto.js'
export { type HostJob, type JobMachine, type JobOutcome, type JobRun, runJob, type Runs } from './session/runJob.js'
export type { RunLog, RunStore } from './session/store.js'
export type { TrainedRun } from './session/trainRun.js'
export { WarmModels } from './session/warmModels.js'
export type { ClipTools } from './session/video/clipMachine.js'
export { videoOutputFiles, type VideoOutputName } from './session/video/videoFiles.js'
export { stageNames, type StageName, type VideoEvent } from './session/videoEvents.js'
export { browserMachine, type BrowserMachineOptions } from './session/web/browserMachine.js'
export { registerGuidance } from './session/web/registerGuidance.js'
export { OpfsRuns } from './session/web/opfsStore.js'
export {
  type JobResult,
  runInWebWorker,
  type RunResult,
  serveJobs,
  type Wire,
  type WorkerRun,
} from './session/web/runWorker.js'
export type {
  HostMachine,
  HostUpdate,
  LocatedMap,
  NewRun,
  RunEntry,
  RunHost,
  RunRequest,
  RunState,
} from './session/runHost.js'
