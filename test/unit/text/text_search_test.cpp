// Property: the best k by upper bounds are the best k of a plain BM25 over the live documents, for every snapshot, with deletions after it,
// any k, weights and parameters; a failed commit leaves nothing behind.
#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <map>
#include <random>

#include "store/metadata_impl.h"
#include "store/metadata_store.h"
#include "text/text_search.h"
#include "text/tokenizer.h"

namespace sagedb {
namespace {

std::vector<std::string> words_in(const std::string& text) {
  std::vector<std::string> out;
  Tokenizer tokenizer(text);
  for (Word word; tokenizer.next(word);) out.emplace_back(word.text);
  return out;
}

struct Model {
  struct Document {
    std::vector<std::vector<std::string>> fields;
    Sequence deleted = kNever;
  };
  std::vector<Document> documents;

  std::vector<std::pair<double, RecordNo>> scores(const std::string& text, const Bm25& m, RecordNo count,
                                                  Sequence at) const {
    std::vector<std::pair<std::string, double>> query;
    for (const std::string& w : words_in(text)) {
      bool known = false;
      for (auto& q : query)
        if (q.first == w) q.second += 1, known = true;
      if (!known) query.emplace_back(w, 1);
    }
    std::map<RecordNo, double> sums;
    for (std::size_t f = 0; f < m.weights.size(); ++f) {
      if (!(m.weights[f] > 0)) continue;
      double n = 0, length = 0;
      for (RecordNo r = 0; r < count; ++r) {
        if (!lives_at(documents[r].deleted, at) || documents[r].fields[f].empty()) continue;
        n += 1;
        length += static_cast<double>(documents[r].fields[f].size());
      }
      for (const auto& [word, times] : query) {
        std::map<RecordNo, double> tf;
        for (RecordNo r = 0; r < count; ++r)
          if (lives_at(documents[r].deleted, at))
            for (const std::string& w : documents[r].fields[f])
              if (w == word) tf[r] += 1;
        const auto df = static_cast<double>(tf.size());
        const double idf = std::log(1 + (n - df + 0.5) / (df + 0.5));
        for (const auto& [r, frequency] : tf)
          sums[r] += m.weights[f] * times * idf *
                     (frequency * (m.k1 + 1) /
                      (frequency +
                       m.k1 * (1 - m.b + m.b * static_cast<double>(documents[r].fields[f].size()) / (length / n))));
      }
    }
    std::vector<std::pair<double, RecordNo>> out;
    for (const auto& [r, s] : sums) out.emplace_back(s, r);
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first > b.first : a.second < b.second;
    });
    return out;
  }
};

class Judge final : public TextJudge {
 public:
  Judge(const Model& model, Sequence at, RecordNo modulus) : model_(model), at_(at), modulus_(modulus) {}
  bool accepts(RecordNo r) const override { return lives_at(model_.documents[r].deleted, at_) && r % modulus_ == 0; }
  bool before(RecordNo a, RecordNo b) const noexcept override { return a < b; }

 private:
  const Model& model_;
  const Sequence at_;
  const RecordNo modulus_;
};

struct Past {
  RecordNo count;
  Sequence sequence;
  TextTotals totals;
};

class World {
 public:
  explicit World(std::uint64_t seed) : rng(seed), index({"a", "b.c"}) { totals.resize(2); }

  std::string text(std::size_t longest) {
    std::string out;
    // Few frequent words and many rare ones.
    for (std::size_t i = rng() % (longest + 1); i > 0; --i)
      out += "w" + std::to_string(static_cast<int>(std::pow(300.0, static_cast<double>(rng() % 1000) / 1000))) +
             (rng() % 5 == 0 ? ", " : " ");
    return out;
  }

  // One commit of some new documents and some deletions; `fails`: reserved and not carried out.
  void commit(bool fails) {
    std::vector<MetadataStore::Prepared> documents;
    std::vector<DocumentWords> added, died;
    std::vector<Model::Document> plain;
    for (std::size_t i = rng() % 12; i > 0; --i) {
      const std::string a = text(30), c1 = text(6), c2 = text(3);
      documents.push_back(
          MetadataStore::prepare("{\"a\":\"" + a + "\",\"b\":{\"c\":[\"" + c1 + "\",7,\"" + c2 + "\"]}}"));
      added.push_back(index.words_of(ValueRef(documents.back().impl->document.data())));
      std::vector<std::string> c = words_in(c1);
      for (const std::string& w : words_in(c2)) c.push_back(w);
      plain.push_back({{words_in(a), c}, kNever});
      words.push_back(added.back());
    }
    std::vector<RecordNo> dead;
    for (std::size_t i = rng() % 4; i > 0 && !model.documents.empty(); --i) {
      const auto r = static_cast<RecordNo>(rng() % model.documents.size());
      if (model.documents[r].deleted != kNever || std::find(dead.begin(), dead.end(), r) != dead.end()) continue;
      dead.push_back(r);
      died.push_back(words[r]);
    }
    const auto first = static_cast<RecordNo>(model.documents.size());
    index.reserve(added, first, died);
    if (fails) {
      words.resize(first);
      return;
    }
    index.account(&totals);
    ++sequence;
    for (std::size_t i = 0; i < plain.size(); ++i) {
      model.documents.push_back(plain[i]);
      index.append(first + static_cast<RecordNo>(i));
    }
    for (const RecordNo r : dead) {
      model.documents[r].deleted = sequence;
      index.bury(sequence);
    }
  }

  std::mt19937_64 rng;
  TextIndex index;
  TextTotals totals;
  Model model;
  std::vector<DocumentWords> words;
  Sequence sequence = 0;
};

TEST(TextSearch, BestAreThoseOfPlainBm25InEverySnapshot) {
  const std::uint64_t seed = std::random_device{}();
  std::cout << "seed " << seed << '\n';
  std::size_t compared = 0;
  for (std::uint64_t round = 0; round < 12; ++round) {
    World w(seed + round);
    std::vector<Past> past;
    for (int step = 0; step < 120; ++step) {
      w.commit(w.rng() % 4 == 0);
      past.push_back({static_cast<RecordNo>(w.model.documents.size()), w.sequence, w.totals});
    }
    for (int i = 0; i < 60; ++i) {
      const Past& s = past[w.rng() % past.size()];
      Bm25 model;
      model.weights = {static_cast<double>(w.rng() % 3), static_cast<double>(1 + w.rng() % 2) / 2};
      if (w.rng() % 2 == 0) model.k1 = static_cast<double>(w.rng() % 4), model.b = static_cast<double>(w.rng() % 5) / 4;
      const std::string text = w.text(6);
      const RecordNo modulus = w.rng() % 3 == 0 ? 2 : 1;
      const std::size_t k = 1 + w.rng() % 20;
      const TextSearch search(w.index, s.totals, s.count, s.sequence, text, model);
      TextCounters counters;
      const std::vector<TextHit> found = search.best(k, Judge(w.model, s.sequence, modulus), &counters);
      auto expected = w.model.scores(text, model, s.count, s.sequence);
      expected.erase(
          std::remove_if(expected.begin(), expected.end(), [&](const auto& e) { return e.second % modulus != 0; }),
          expected.end());
      ASSERT_EQ(found.size(), std::min(k, expected.size())) << "seed " << seed + round << " " << text;
      std::vector<RecordNo> every;
      for (const auto& e : expected) every.push_back(e.second);
      std::sort(every.begin(), every.end());
      const std::vector<float> direct = search.scores(every);
      for (std::size_t j = 0; j < every.size(); ++j)
        for (const auto& e : expected)
          if (e.second == every[j]) ASSERT_NEAR(direct[j], e.first, 1e-5 * (1 + e.first));
      for (std::size_t j = 0; j < found.size(); ++j) {
        ASSERT_NEAR(found[j].score, expected[j].first, 1e-5 * (1 + expected[j].first))
            << "seed " << seed + round << " rank " << j;
        if (j > 0 && found[j].score == found[j - 1].score) ASSERT_LT(found[j - 1].record, found[j].record);
        ++compared;
      }
    }
  }
  EXPECT_GT(compared, 2000u);
}

TEST(TextSearch, UpperBoundsSpareMostOfTheWork) {
  World w(5);
  for (int step = 0; step < 4000; ++step) w.commit(false);
  Bm25 model;
  model.weights = {1, 1};
  const auto count = static_cast<RecordNo>(w.model.documents.size());
  const TextSearch search(w.index, w.totals, count, w.sequence, "w1 w2 w150 w290", model);
  TextCounters few, all;
  search.best(10, Judge(w.model, w.sequence, 1), &few);
  search.best(count, Judge(w.model, w.sequence, 1), &all);
  std::cout << few.scored << " of " << all.scored << " scored, " << few.postings << " of " << all.postings
            << " postings\n";
  EXPECT_LT(few.scored * 5, all.scored);
}

TEST(TextSearch, AFieldIsAStringOrTheStringsOfAnArray) {
  const TextIndex index({"a"});
  const auto words = [&](const char* json) {
    const MetadataStore::Prepared p = MetadataStore::prepare(json);
    return index.words_of(ValueRef(p.impl->document.data())).lengths[0];
  };
  EXPECT_EQ(words("{\"a\":\"one two, two\"}"), 3u);
  EXPECT_EQ(words("{\"a\":[\"one\",2,null,[\"x\"],\"two three\"]}"), 3u);
  EXPECT_EQ(words("{\"a\":5}"), 0u);
  EXPECT_EQ(words("{\"a\":{\"b\":\"x\"}}"), 0u);
  EXPECT_EQ(words("{}"), 0u);
}

TEST(Tokenizer, WordsFoldedWithTheirPlacesInUtf16) {
  const auto list = [](const std::string& text) {
    std::string out;
    Tokenizer tokenizer(text);
    for (Word w; tokenizer.next(w);)
      out += std::string(w.text) + "@" + std::to_string(w.begin) + "-" + std::to_string(w.end) + " ";
    return out;
  };
  EXPECT_EQ(list("Hello, WORLD-42!"), "hello@0-5 world@7-12 42@13-15 ");
  EXPECT_EQ(list(u8"ÄRGER \U0001F600 straße"), u8"ärger@0-5 straße@9-15 ");
  EXPECT_EQ(list(u8"東京は\u3099 x"), u8"東@0-1 京@1-2 は\u3099@2-4 x@5-6 ");
  EXPECT_EQ(list(u8"\U00010400x"), u8"\U00010428x@0-3 ");
  EXPECT_EQ(list(""), "");
  EXPECT_EQ(list("\xED\xA0\xBD"
                 "a\xFF"
                 "b"),
            "a@1-2 b@3-4 ");  // a lone surrogate, a foreign byte
}

}  // namespace
}  // namespace sagedb
