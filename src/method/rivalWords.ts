/**
 * Names of common things in photos, which the words for the region compete with: what answers to another of these more
 * than to the words is something else. Everyday things, surroundings, parts of bodies, clothes, vehicles, food; no
 * order.
 */
export const rivalWords: readonly string[] = `
  sky cloud sunset tree forest grass leaf flower bush branch wood water sea river mountain hill sand rock snow ice ground road pavement wall floor ceiling window door roof fence tower bridge
  building house room table plate tray bowl cup bottle spoon chair bench bed pillow cloth curtain carpet paper book box bag jeans shirt dress jacket shoe hat hair face person woman man child
  crowd hand arm leg skin eye dog cat bird horse cow sheep bear elephant fish insect butterfly car truck bus train bicycle motorcycle boat airplane rocket wheel machine metal stone brick glass
  plastic food fruit bread cake vegetable meat coffee lamp light fire smoke shadow darkness screen phone clock toy ball balloon umbrella rope wire pole sign teapot vase pot furniture statue
`
  .trim()
  .split(/\s+/)

/**
 * Those of them that a photo is filled with around its things: they have no outline, and what stands out is not of
 * them, as it may be of a mountain, a cloud or a river.
 */
export const surroundings: ReadonlySet<string> = new Set(
  'sky forest grass water sea sand snow ground road pavement wall floor ceiling'.split(' '),
)
