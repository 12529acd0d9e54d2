import { number, text } from '../text/strings.js'
import type { OpenClip } from './openClip.js'

/** The frames of the clip: a slider, one frame on and back, and play. */
export function Scrubber({ clip }: { readonly clip: OpenClip }) {
  const { playing } = clip
  const frame = clip.wanted.value
  return (
    <div class="scrubber" role="group" aria-label={text('frames')}>
      <button
        type="button"
        aria-pressed={playing.value}
        onClick={() => {
          if (playing.value) playing.value = false
          else void clip.play()
        }}
      >
        {text('play')}
      </button>
      <button
        type="button"
        aria-label={text('frameBack')}
        title={`${text('frameBack')} (,)`}
        onClick={() => clip.step(-1)}
      >
        ‹
      </button>
      <input
        type="range"
        min={0}
        max={clip.count - 1}
        value={frame}
        aria-label={text('frame')}
        aria-valuetext={text('frameOf', { frame, count: clip.count })}
        onInput={(event) => {
          playing.value = false
          clip.seek(event.currentTarget.valueAsNumber)
        }}
      />
      <button type="button" aria-label={text('frameOn')} title={`${text('frameOn')} (.)`} onClick={() => clip.step(1)}>
        ›
      </button>
      <output>
        {frame} / {clip.count - 1} · {number(clip.timestamps[frame]!, 2)} s
      </output>
    </div>
  )
}
