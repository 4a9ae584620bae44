// mirror copies a tlog-tiles log into a folder and believes nothing that it was told: every hash
// tile is checked against the signed checkpoint by Go's own checksum-database library
// (golang.org/x/mod/sumdb/tlog), every entry against its leaf, and proofs are made from the tiles
// and verified. A second run on the same folder also checks that the log only grew.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var (
	logURL  = flag.String("url", "", "root of the log, with a slash at its end")
	vkey    = flag.String("vkey", "", "the log's verifier key")
	token   = flag.String("token", "", "bearer token, where the log wants one")
	dir     = flag.String("dir", "", "folder of the copy")
	samples = flag.Int("samples", 200, "proofs, and old sizes, that are picked and checked")
	seed    = flag.Uint64("seed", 1, "seed of the picks")
)

const (
	tileHeight = 8
	tileWidth  = 256
)

// Report is what was checked; it is printed as JSON.
type Report struct {
	Size        int64 `json:"size"`
	Before      int64 `json:"before"`
	Entries     int64 `json:"entries"`
	Tiles       int   `json:"tiles"`
	Inclusion   int   `json:"inclusion_proofs"`
	Consistency int   `json:"consistency_proofs"`
	Partials    int   `json:"partials_of_old_sizes"`
}

// source reads tiles for sumdb/tlog over HTTP and keeps those that were verified.
type source struct {
	root  string
	saved int
}

func (s *source) Height() int { return tileHeight }

func (s *source) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		body, status, err := s.get(pathOf(tile))
		if err == nil && status == http.StatusNotFound && tile.W < tileWidth {
			full := tile
			full.W = tileWidth
			body, status, err = s.get(pathOf(full))
			body = body[:min(len(body), tile.W*tlog.HashSize)]
		}
		if err != nil || status != http.StatusOK {
			return nil, fmt.Errorf("%s: %d %v", pathOf(tile), status, err)
		}
		data[i] = body
	}
	return data, nil
}

func (s *source) SaveTiles(tiles []tlog.Tile, data [][]byte) {
	for i, tile := range tiles {
		save(pathOf(tile), data[i])
		s.saved++
	}
}

func (s *source) get(path string) ([]byte, int, error) {
	request, err := http.NewRequest(http.MethodGet, s.root+path, nil)
	if err != nil {
		return nil, 0, err
	}
	if *token != "" {
		request.Header.Set("Authorization", "Bearer "+*token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, 0, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return body, response.StatusCode, err
}

// pathOf is the tlog-tiles path of a tile of sumdb/tlog, which names the height as well.
func pathOf(tile tlog.Tile) string {
	return "tile/" + strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight))
}

func save(path string, data []byte) {
	target := filepath.Join(*dir, filepath.FromSlash(path))
	must(os.MkdirAll(filepath.Dir(target), 0o755))
	must(os.WriteFile(target, data, 0o644))
}

func main() {
	flag.Parse()
	verifier, err := note.NewVerifier(*vkey)
	must(err)
	s := &source{root: *logURL}
	raw, status, err := s.get(layout.CheckpointPath)
	must(err)
	if status != http.StatusOK {
		log.Fatalf("checkpoint: status %d", status)
	}
	tree := open(raw, verifier)
	report := Report{Size: tree.N}
	hashes := tlog.TileHashReader(tree, s)
	checkGrowth(tree, hashes, verifier, &report)
	report.Entries = mirror(s, tree, hashes)
	save(layout.CheckpointPath, raw)
	report.Tiles = s.saved

	picks := rand.New(rand.NewPCG(*seed, uint64(tree.N)))
	for range *samples {
		checkInclusion(tree, hashes, picks.Int64N(tree.N))
		report.Inclusion++
		checkConsistency(tree, hashes, 1+picks.Int64N(tree.N))
		report.Consistency++
		report.Partials += checkPartials(s, tree, 1+picks.Int64N(tree.N))
	}
	report.Inclusion += checkWithTessera(tree, verifier, picks)
	must(json.NewEncoder(os.Stdout).Encode(report))
}

// open is the tree of a checkpoint that this key signed.
func open(raw []byte, verifier note.Verifier) tlog.Tree {
	opened, err := note.Open(raw, note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		log.Fatalf("not a checkpoint of %s: %q", verifier.Name(), opened.Text)
	}
	// sumdb/tlog reads the same three lines under the name of Go's own database.
	tree, err := tlog.ParseTree([]byte("go.sum database tree\n" + strings.Join(lines[1:], "\n")))
	must(err)
	return tree
}

// checkGrowth proves that the copy of the last run is a beginning of the log as it is now.
func checkGrowth(tree tlog.Tree, hashes tlog.HashReader, verifier note.Verifier, report *Report) {
	raw, err := os.ReadFile(filepath.Join(*dir, layout.CheckpointPath))
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	must(err)
	before := open(raw, verifier)
	report.Before = before.N
	proof, err := tlog.ProveTree(tree.N, before.N, hashes)
	must(err)
	must(tlog.CheckTree(proof, tree.N, tree.Hash, before.N, before.Hash))
}

// mirror fetches every bundle and compares each entry with its leaf; how many entries.
func mirror(s *source, tree tlog.Tree, hashes tlog.HashReader) int64 {
	checked := int64(0)
	for first := int64(0); first < tree.N; first += tileWidth {
		width := min(tileWidth, tree.N-first)
		path := layout.EntriesPath(uint64(first/tileWidth), uint8(width%tileWidth))
		body, status, err := s.get(path)
		if err == nil && status == http.StatusNotFound {
			body, status, err = s.get(layout.EntriesPath(uint64(first/tileWidth), 0))
		}
		must(err)
		if status != http.StatusOK {
			log.Fatalf("%s: status %d", path, status)
		}
		bundle := api.EntryBundle{}
		must(bundle.UnmarshalText(body))
		indexes := make([]int64, width)
		for i := range indexes {
			indexes[i] = tlog.StoredHashIndex(0, first+int64(i))
		}
		leaves, err := hashes.ReadHashes(indexes)
		must(err)
		for i, leaf := range leaves {
			if tlog.RecordHash(bundle.Entries[i]) != leaf {
				log.Fatalf("entry %d is not what was signed", first+int64(i))
			}
			checked++
		}
		save(path, body)
	}
	return checked
}

func checkInclusion(tree tlog.Tree, hashes tlog.HashReader, index int64) {
	leaf, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
	must(err)
	path, err := tlog.ProveRecord(tree.N, index, hashes)
	must(err)
	must(tlog.CheckRecord(path, tree.N, tree.Hash, index, leaf[0]))
}

func checkConsistency(tree tlog.Tree, hashes tlog.HashReader, old int64) {
	root, err := tlog.TreeHash(old, hashes)
	must(err)
	path, err := tlog.ProveTree(tree.N, old, hashes)
	must(err)
	must(tlog.CheckTree(path, tree.N, tree.Hash, old, root))
}

// checkPartials asks for the right-most tiles and the last bundle of an older size by their own
// names: they must be there, and be the beginning of what is there now.
func checkPartials(s *source, tree tlog.Tree, size int64) int {
	checked := 0
	for level, count := uint64(0), uint64(size); count > 0; level, count = level+1, count/tileWidth {
		index, width := count/tileWidth, uint8(count%tileWidth)
		if width == 0 {
			continue
		}
		paths := []string{layout.TilePath(level, index, width)}
		if level == 0 {
			paths = append(paths, layout.EntriesPath(index, width))
		}
		now := (uint64(tree.N) >> (tileHeight * level)) - index*tileWidth
		whole := []string{layout.TilePath(level, index, partial(now)), layout.EntriesPath(index, partial(now))}
		for i, path := range paths {
			part, status, err := s.get(path)
			must(err)
			if status != http.StatusOK {
				log.Fatalf("%s of size %d: status %d", path, size, status)
			}
			all, status, err := s.get(whole[i])
			must(err)
			if status != http.StatusOK || !bytes.HasPrefix(all, part) {
				log.Fatalf("%s is not the beginning of %s", path, whole[i])
			}
			checked++
		}
	}
	return checked
}

func partial(width uint64) uint8 {
	if width >= tileWidth {
		return 0
	}
	return uint8(width)
}

// checkWithTessera makes and verifies proofs with Tessera's client, which falls back from a
// partial tile to the full one by itself.
func checkWithTessera(tree tlog.Tree, verifier note.Verifier, picks *rand.Rand) int {
	ctx := context.Background()
	root, err := url.Parse(*logURL)
	must(err)
	fetcher, err := client.NewHTTPFetcher(root, nil)
	must(err)
	if *token != "" {
		fetcher.SetAuthorizationHeader("Bearer " + *token)
	}
	_, _, _, err = client.FetchCheckpoint(ctx, fetcher.ReadCheckpoint, verifier, verifier.Name())
	must(err)
	builder, err := client.NewProofBuilder(ctx, uint64(tree.N), fetcher.ReadTile)
	must(err)
	for range *samples {
		index := picks.Uint64N(uint64(tree.N))
		bundle, err := client.GetEntryBundle(ctx, fetcher.ReadEntryBundle, index/tileWidth, uint64(tree.N))
		must(err)
		leaf := rfc6962.DefaultHasher.HashLeaf(bundle.Entries[index%tileWidth])
		path, err := builder.InclusionProof(ctx, index)
		must(err)
		must(proof.VerifyInclusion(rfc6962.DefaultHasher, index, uint64(tree.N), leaf, path, tree.Hash[:]))
	}
	return *samples
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
