/** Who works on which image: the first tab that opens one writes, others look on until it has been silent for a while. */
import { countActions, ImageWork, type LabelChange, type ListedLabel } from "../project/index.ts";
import type { OpenImage } from "./collection.ts";
import { RequestError } from "./errors.ts";

/** Milliseconds without a request after which a tab counts as gone. */
export const SILENCE = 10_000;

interface Place {
  readonly image: OpenImage;
  writer: { readonly tab: string; readonly seen: number } | null;
  work: Promise<ImageWork> | null;
}

export class Desk {
  private readonly places = new Map<string, Place>();
  private readonly now: () => number;
  private labelling: Promise<unknown> = Promise.resolve();

  /** @param now  milliseconds, never backwards */
  constructor(now: () => number = () => performance.now()) {
    this.now = now;
  }

  /**
   * Opens the image for a tab. What is on disk is read anew for the tab that writes; others get what it sees.
   *
   * @throws {TendrilError} when the image or what lies beside it cannot be opened
   */
  async open(image: OpenImage, tab: string): Promise<{ isWriter: boolean; work: ImageWork }> {
    this.closeSilent(image);
    const place = this.place(image);
    const isWriter = this.claim(place, tab);
    if (isWriter) await close(place);
    return { isWriter, work: await this.work(place) };
  }

  /** @throws {RequestError} when another tab writes on this image */
  async append(image: OpenImage, tab: string, after: number, actions: readonly unknown[]): Promise<number> {
    return (await this.written(image, tab)).append(after, actions);
  }

  /** The work on an image, for export and download, which any tab may ask for. */
  look(image: OpenImage): Promise<ImageWork> {
    return this.work(this.place(image));
  }

  /** Adds a label to the image's project, or changes one; one after the other, since images share a project. */
  changeLabel(image: OpenImage, change: LabelChange): Promise<ListedLabel[]> {
    return this.inTurn(async () => (await this.look(image)).changeLabel(change));
  }

  /**
   * Takes a label that no image uses out of the image's project.
   *
   * @throws {RequestError} when another tab writes, on this image or on one that it could begin to use the label on
   */
  removeLabel(image: OpenImage, tab: string, value: number): Promise<ListedLabel[]> {
    return this.inTurn(async () => {
      const work = await this.written(image, tab);
      if ([...this.places.values()].some(({ writer }) => writer && writer.tab !== tab && this.isHere(writer)))
        throw new RequestError(
          409,
          "other-window",
          "Another window draws on an image and may use the label. Close it, wait ten seconds, and try again.",
        );
      return work.removeLabel(value);
    });
  }

  /** How many actions an image has on disk; one that nobody works on is not opened for it. */
  async actionsOf({ id, files }: OpenImage): Promise<number> {
    const work = await this.places.get(id)?.work?.catch(() => undefined);
    return work?.journal.actions.length ?? (await countActions(files));
  }

  async close(): Promise<void> {
    await Promise.all([...this.places.values()].map(close));
  }

  /** The work on an image for the tab that writes it. */
  private written(image: OpenImage, tab: string): Promise<ImageWork> {
    const place = this.place(image);
    if (!this.claim(place, tab))
      throw new RequestError(
        409,
        "not-writer",
        "Another window draws on this image. Go on there, or close it and reload this one.",
      );
    return this.work(place);
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.labelling.then(work);
    this.labelling = turn.catch(() => undefined);
    return turn;
  }

  private isHere({ seen }: { readonly seen: number }): boolean {
    return this.now() - seen < SILENCE;
  }

  private place(image: OpenImage): Place {
    const place = this.places.get(image.id) ?? { image, writer: null, work: null };
    this.places.set(image.id, place);
    return place;
  }

  private claim(place: Place, tab: string): boolean {
    const { writer } = place;
    if (writer && writer.tab !== tab && this.isHere(writer)) return false;
    place.writer = { tab, seen: this.now() };
    return true;
  }

  private work(place: Place): Promise<ImageWork> {
    // A failure is not kept: the next request tries again.
    place.work ??= ImageWork.open(place.image.files).catch((cause: unknown) => {
      place.work = null;
      throw cause;
    });
    return place.work;
  }

  /** Images that nobody has asked for in a while give their memory back; the next request opens them again. */
  private closeSilent(except: OpenImage): void {
    for (const place of this.places.values())
      if (place.image.id !== except.id && (!place.writer || !this.isHere(place.writer))) void close(place);
  }
}

async function close(place: Place): Promise<void> {
  const { work } = place;
  place.work = null;
  await (await work?.catch(() => null))?.close();
}
