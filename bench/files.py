"""The peer of `npm run bench -- files`, and the maker of its files: pydicom, nibabel and gdcmconv.

  files.py make FOLDER     a series of 300 slices of 512 x 512, 12 of 16 bits: FOLDER/plain, FOLDER/lossless (JPEG Lossless), FOLDER/volume.nii.gz,
                           FOLDER/series.zip (packed) and FOLDER/frames.dcm (multi-frame)
  files.py read PATH       opens a folder or a NIfTI file; prints seconds to the first image and to all, and the peak memory, as JSON
"""
import glob, json, os, resource, subprocess, sys, time, zipfile

import numpy as np

SLICES, SIZE = 300, 512


def make(folder):
    import nibabel
    import pydicom
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian
    rng = np.random.default_rng(7)
    plain, lossless = os.path.join(folder, "plain"), os.path.join(folder, "lossless")
    os.makedirs(plain)
    os.makedirs(lossless)
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE - 0.5
    body = (x**2 * 1.6 + y**2 * 2.6 < 0.3)
    volume = np.empty((SLICES, SIZE, SIZE), "u2")
    for k in range(SLICES):
        organs = 1060 + 60 * np.sin(9 * x + k / 40) * np.cos(7 * y - k / 60)
        # Air around the patient is not noisy: scanners cut it off at the lowest value.
        volume[k] = np.where(body, organs + rng.normal(0, 18, (SIZE, SIZE)), 0).clip(0, 4095)
        ds = Dataset()
        ds.file_meta = FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = f"1.2.826.0.1.3680043.10.1377.9.{k}"
        ds.is_little_endian, ds.is_implicit_VR = True, False
        ds.Modality, ds.StudyInstanceUID, ds.SeriesInstanceUID = "CT", "1.2.3", "1.2.3.4"
        ds.InstanceNumber = k + 1
        ds.ImageOrientationPatient, ds.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [-180, -180, 1.25 * k]
        ds.PixelSpacing, ds.SliceThickness = [0.7, 0.7], 1.25
        ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
        ds.Rows = ds.Columns = SIZE
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
        ds.PixelData = volume[k].tobytes()
        ds.preamble = b"\0" * 128
        name = f"{(k * 7) % SLICES:03d}.dcm"
        ds.save_as(os.path.join(plain, name), write_like_original=False)
        subprocess.run(["gdcmconv", "--jpeg", os.path.join(plain, name), os.path.join(lossless, name)], check=True)
    image = nibabel.Nifti1Image(volume.transpose(2, 1, 0), np.diag([-0.7, -0.7, 1.25, 1]))
    nibabel.save(image, os.path.join(folder, "volume.nii.gz"))
    with zipfile.ZipFile(os.path.join(folder, "series.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(os.listdir(plain)):
            archive.write(os.path.join(plain, name), f"series/{name}")
    ds.NumberOfFrames, ds.PixelData = SLICES, volume.tobytes()
    ds.save_as(os.path.join(folder, "frames.dcm"), write_like_original=False)


def read(path):
    start = time.perf_counter()
    first, volume = read_nifti(path) if path.endswith(".gz") else read_series(path)
    whole = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"first": first - start, "all": whole, "peakMiB": peak, "sum": int(volume.sum(dtype="i8"))}


def read_series(path):
    import pydicom
    names = sorted(glob.glob(os.path.join(path, "*.dcm")))
    heads = sorted((float(pydicom.dcmread(name, stop_before_pixels=True).ImagePositionPatient[2]), name) for name in names)
    pydicom.dcmread(heads[len(heads) // 2][1]).pixel_array
    first = time.perf_counter()
    return first, np.stack([pydicom.dcmread(name).pixel_array for _, name in heads])


def read_nifti(path):
    import nibabel
    volume = np.asanyarray(nibabel.load(path).dataobj)
    # A gzip file has no slice before it has all.
    return time.perf_counter(), volume.transpose(2, 1, 0)


if sys.argv[1] == "make":
    make(sys.argv[2])
else:
    try:
        print(json.dumps(read(sys.argv[2])))
    except Exception as error:  # no decoder for this transfer syntax
        print(json.dumps({"error": f"{type(error).__name__}: {error}"[:200]}))
