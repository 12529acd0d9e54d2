import { Text2LiveError } from '../../errors.js'
import type { VideoSettings } from '../../options/videoOptions.js'
import { videoTable } from '../../options/videoTable.js'
import type { Fingerprint } from '../checkpoint.js'
import { type RunRules, RunSession, type SessionPlan } from '../runSession.js'
import { stageReport } from '../stages.js'
import type { StageName, VideoEvent } from '../videoEvents.js'
import type { ClipMachine } from './clipMachine.js'
import type { VideoInput } from './videoInput.js'

export type EmitVideo = (event: VideoEvent) => void

/** A run over a clip. */
interface ClipKind {
  readonly settings: VideoSettings
  readonly input: VideoInput
  readonly stage: StageName
  readonly event: VideoEvent
  readonly machine: ClipMachine
}

export type ClipSession = RunSession<ClipKind>

/** What every stage works with. */
export type StageTools = Pick<
  ClipSession,
  | 'settings'
  | 'input'
  | 'store'
  | 'machine'
  | 'fingerprint'
  | 'access'
  | 'signal'
  | 'emit'
  | 'control'
  | 'followControl'
  | 'report'
  | 'events'
>

const clipRules: RunRules<ClipKind> = {
  table: videoTable,
  first: 'clip',
  reporter: stageReport,
  yields: true,
  keepsMask: 'a run over a clip keeps the one that it began with. Start a new run with --mask.',
}

/** What the checkpoints of a run are recognised by. */
export const clipFingerprint = (
  settings: VideoSettings,
  { digest }: Pick<VideoInput, 'digest'>,
): Fingerprint<VideoSettings> => ({ settings, pictures: { clip: digest } })

/** @param plan its signal aborts with an INTERRUPTED error as its reason */
export const clipSession = (plan: Omit<SessionPlan<ClipKind>, 'rules' | 'pictures'>): ClipSession =>
  new RunSession<ClipKind>({ ...plan, pictures: clipFingerprint(plan.settings, plan.input).pictures, rules: clipRules })

/** Says how the run ended: interrupted, or with an error, which the caller hears too. */
export function tellEnd(session: ClipSession, error: unknown): void {
  const { at: stage, seconds, kept } = session
  if (error instanceof Text2LiveError && error.code === 'INTERRUPTED' && kept !== null)
    session.stopped({ type: 'interrupted', stage, seconds, folder: kept.path })
  else session.fail(error)
}
