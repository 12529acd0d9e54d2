import { runInWebWorker } from 'text2live/core'

const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
const form = document.querySelector('form')
const [output, image] = [document.querySelector('output'), document.querySelector('img')]
const show = (png) => {
  URL.revokeObjectURL(image.src)
  image.src = URL.createObjectURL(new Blob([png], { type: 'image/png' }))
}

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  const [file, prompt] = [form.photo.files[0], form.prompt.value]
  const photo = { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) }
  const options = { prompt, ...JSON.parse(form.options.value) }
  try {
    // Without a name for the run nothing is kept, and the result holds the files.
    const run = runInWebWorker(worker, { kind: 'image', run: null, photo, mask: null, options }, (told) => {
      if (told.type === 'step') output.value = `${told.step} of ${told.steps}`
      if (told.type === 'preview') show(told.png)
    })
    const { files } = await run.result
    show(files.composite)
    output.value = 'done'
  } catch (error) {
    output.value = error.message
  }
})
