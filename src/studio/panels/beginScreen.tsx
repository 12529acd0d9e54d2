import { pickFile } from '../parts/pickFile.js'
import type { Studio } from '../state/studio.js'
import { text } from '../text/strings.js'
import { examples } from '../examples/examples.js'

/** What a file picker offers. */
const fileTypes = 'image/jpeg,image/png,image/webp,image/avif,image/tiff,video/*,.mkv'

/** The first screen: where a photo comes in, and what came of four others. */
export function BeginScreen({ studio }: { readonly studio: Studio }) {
  const pick = async (): Promise<void> => {
    const file = await pickFile(fileTypes)
    if (file !== null) await studio.openFile(file)
  }
  return (
    <div class="begin">
      <h1>{text('beginHeading')}</h1>
      <p class="lead">{text('beginCan')}</p>
      <div class="drop">
        <p>
          {text('beginDrop')}{' '}
          <button class="primary" onClick={() => void studio.attempt(pick)}>
            {text('beginPick')}
          </button>
        </p>
      </div>
      <p>{text('beginExamples')}</p>
      <ul class="examples">
        {examples.map((example) => (
          <li key={example.photo}>
            <button
              onClick={() =>
                void studio.attempt(async () => {
                  const bytes = new Uint8Array(await (await fetch(example.photo)).arrayBuffer())
                  await studio.open(`${example.name}.jpg`, bytes)
                  studio.photoDraft.restore({ prompt: [example.prompt], source: [example.source] })
                })
              }
            >
              <img src={example.pair} alt="" width={320} height={160} loading="lazy" />
              <span>“{example.prompt}”</span>
            </button>
            <small>{example.credit}</small>
          </li>
        ))}
      </ul>
      <p class="help">{text(studio.host.kind === 'tab' ? 'beginTab' : 'beginServed')}</p>
      <p class="help">{text('beginClip')}</p>
    </div>
  )
}
