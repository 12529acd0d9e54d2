import { useEffect } from 'preact/hooks'
import { type ReadonlySignal, signal } from '@preact/signals'
import type { HostMachine } from '../session/runHost.js'
import { AtlasPanel } from './clip/atlasPanel.js'
import { ClipBar } from './clip/clipBar.js'
import { ClipLeavePanel } from './clip/clipLeavePanel.js'
import { ObjectPanel } from './clip/objectPanel.js'
import type { OpenClip } from './clip/openClip.js'
import { BeginScreen } from './panels/beginScreen.js'
import { LayersPanel } from './panels/layersPanel.js'
import { LeavePanel } from './panels/leavePanel.js'
import { ModelsPanel } from './panels/modelsPanel.js'
import { QueuePanel } from './panels/queuePanel.js'
import { RunsPanel } from './panels/runsPanel.js'
import { TrainingPanel } from './panels/trainingPanel.js'
import { ViewBar } from './panels/viewBar.js'
import { WherePanel } from './panels/wherePanel.js'
import { WordsPanel } from './panels/wordsPanel.js'
import { keepFocus } from './parts/keepFocus.js'
import { handleStageKey } from './stage/handleStageKey.js'
import { Stage } from './stage/stage.js'
import type { PageModels } from './state/pageModels.js'
import type { Studio } from './state/studio.js'
import { bytesText, language, text } from './text/strings.js'

/** A reload that a person may want. */
export interface ReloadOffer {
  readonly why: 'newer' | 'withThreads'
  readonly take: () => void
}

/** The whole page. */
export function App({
  studio,
  models,
  reload,
}: {
  readonly studio: Studio
  readonly models: PageModels | null
  /** Why the page should be loaded again; null where there is no reason. */
  readonly reload: ReadonlySignal<ReloadOffer | null>
}) {
  useEffect(() => takeFiles(studio), [studio])
  useEffect(() => takeKeys(studio), [studio])
  useEffect(() => keepFocus(document.body), [])
  const [photo, clip, run] = [studio.photo.value, studio.clip.value, studio.run.value]
  const isOpen = photo !== null || clip !== null
  useEffect(() => {
    document.documentElement.lang = language.value
    document.title = text('title')
  }, [language.value])
  return (
    <>
      <TopBar studio={studio} />
      <ProblemBar studio={studio} />
      {reload.value !== null && (
        <div class="notice" role="status">
          {text(reload.value.why)}{' '}
          <button type="button" onClick={reload.value.take}>
            {text(reload.value.why === 'newer' ? 'newerTake' : 'withThreadsTake')}
          </button>
        </div>
      )}
      <main class={isOpen ? 'open' : 'empty'}>
        <div class="side">
          {models !== null && <ModelsPanel studio={studio} models={models} />}
          {isOpen ? (
            <>
              <WordsPanel studio={studio} />
              <PlacePanel studio={studio} />
            </>
          ) : (
            <>
              <RunsPanel studio={studio} />
              <QueuePanel studio={studio} />
            </>
          )}
        </div>
        <div class="middle">
          {!isOpen ? (
            <BeginScreen studio={studio} />
          ) : (
            <>
              <div class="stage-place">
                <Stage
                  model={studio.stage}
                  label={text(clip === null ? 'stageLabel' : 'stageLabelClip')}
                  sliderLabel={text('viewCompare')}
                  workingLabel={text('maskWorking')}
                />
              </div>
              {clip !== null && <ClipBar studio={studio} clip={clip} />}
              <ViewBar studio={studio} />
            </>
          )}
        </div>
        {isOpen && (
          <div class="side">
            <TrainingPanel studio={studio} />
            <LayersPanel studio={studio} />
            {clip !== null && run?.kind === 'clip' ? (
              <ClipLeavePanel studio={studio} clip={clip} run={run} />
            ) : (
              <LeavePanel studio={studio} />
            )}
            <RunsPanel studio={studio} />
            <QueuePanel studio={studio} />
          </div>
        )}
      </main>
    </>
  )
}

const machine = signal<HostMachine | null>(null)

function TopBar({ studio }: { readonly studio: Studio }) {
  useEffect(() => {
    void studio.host.machine().then((known) => (machine.value = known))
  }, [studio, studio.run.value?.state])
  const known = machine.value
  const details =
    known === null
      ? []
      : [
          known.device === null ? null : text('deviceIs', { device: known.device }),
          known.threads === 1 ? text('thread') : text('threads', { count: known.threads }),
          known.free === null ? null : text('freeSpace', { size: bytesText(known.free) }),
        ].filter((detail) => detail !== null)
  return (
    <header class="top">
      <span class="brand">text2live</span>
      {studio.openName !== null && <span class="file">{studio.openName}</span>}
      <span class="machine">{details.join(' · ')}</span>
      {studio.openName !== null && (
        <button type="button" onClick={() => studio.close()}>
          {text(studio.clip.value === null ? 'newEdit' : 'newOther')}
        </button>
      )}
      <button
        type="button"
        class="quiet"
        lang={language.value === 'en' ? 'de' : 'en'}
        onClick={() => (language.value = language.value === 'en' ? 'de' : 'en')}
      >
        {text('language')}
      </button>
    </header>
  )
}

/** What went wrong, until it is put away. */
function ProblemBar({ studio }: { readonly studio: Studio }) {
  const problem = studio.problem.value
  return (
    <div role="alert" class="problem-place">
      {problem !== null && (
        <div class="problem">
          <p>
            <strong>{text('problem')}.</strong> {problem.message} {problem.code !== null && <code>{problem.code}</code>}
          </p>
          <button type="button" onClick={() => (studio.problem.value = null)}>
            {text('close')}
          </button>
        </div>
      )}
    </div>
  )
}

/** Where the edit goes, of what is on the stage. */
function PlacePanel({ studio }: { readonly studio: Studio }) {
  const clip = studio.clip.value
  if (clip === null) return <WherePanel studio={studio} />
  const atlas = clip.atlas.value
  return atlas === null ? (
    <ObjectPanel studio={studio} clip={clip} />
  ) : (
    <AtlasPanel studio={studio} clip={clip} atlas={atlas} />
  )
}

/** What takes keys for itself: fields that are written in, and lists. */
const fields = 'textarea, select, input:not([type=range], [type=checkbox], [type=color])'

/**
 * The keys of the stage, wherever on the page they are pressed: who has just chosen a tool sizes and undoes by them
 * too. Those that move something else, or press it, are left to it.
 * @returns ends it
 */
function takeKeys(studio: Studio): () => void {
  const press = (event: KeyboardEvent): void => {
    const { target, key } = event
    if (event.defaultPrevented || studio.openName === null) return
    if (/^(Arrow.*|Enter| |Tab|Escape)$/.test(key) || (target instanceof Element && target.matches(fields))) return
    const { value: clip } = studio.clip
    if (handleStageKey(studio.stage, event) || (clip !== null && scrubByKey(clip, event))) event.preventDefault()
  }
  addEventListener('keydown', press)
  return () => removeEventListener('keydown', press)
}

/** A frame on and back by `.` and `,`. @returns whether it was one of them */
function scrubByKey(clip: OpenClip, { key, ctrlKey, metaKey, altKey }: KeyboardEvent): boolean {
  const by = key === '.' ? 1 : key === ',' ? -1 : 0
  if (clip.atlas.value !== null || by === 0 || ctrlKey || metaKey || altKey) return false
  clip.step(by)
  return true
}

/** Photos and clips that are dropped on the page or pasted. @returns ends it */
function takeFiles(studio: Studio): () => void {
  const open = (files: FileList | undefined): void => {
    const file = files?.[0]
    if (file === undefined) return
    void studio.attempt(async () => {
      await studio.openFile(file)
      if (files!.length > 1) studio.problem.value = { code: null, message: text('beginBoth', { count: files!.length }) }
    })
  }
  const drop = (event: DragEvent): void => {
    if (event.dataTransfer?.types.includes('Files') !== true) return
    event.preventDefault()
    const entry = event.dataTransfer.items[0]?.webkitGetAsEntry()
    if (entry?.isDirectory === true)
      studio.problem.value = { code: null, message: text('folderUnread', { name: entry.name }) }
    else open(event.dataTransfer.files)
  }
  // Words that are dragged are the fields'.
  const over = (event: DragEvent): void => {
    if (event.dataTransfer?.types.includes('Files') === true) event.preventDefault()
  }
  const paste = (event: ClipboardEvent): void => open(event.clipboardData?.files)
  addEventListener('drop', drop)
  addEventListener('dragover', over)
  addEventListener('paste', paste)
  return () => {
    removeEventListener('drop', drop)
    removeEventListener('dragover', over)
    removeEventListener('paste', paste)
  }
}
