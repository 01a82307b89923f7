package main

import (
	"context"
	"math/big"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// join joins texts by a separator; an empty text is refused by its place.
type join struct{}

func (join) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "join"
}

func (join) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Parameters:        []function.Parameter{function.StringParameter{Name: "separator", AllowNullValue: true}},
		VariadicParameter: function.StringParameter{Name: "words"},
		Return:            function.StringReturn{},
	}
}

func (join) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var separator *string
	var words []string
	if resp.Error = req.Arguments.Get(ctx, &separator, &words); resp.Error != nil {
		return
	}
	for i, word := range words {
		if word == "" {
			resp.Error = function.NewArgumentFuncError(int64(i+1), "A word must not be empty.")
			return
		}
	}
	if separator == nil {
		resp.Error = resp.Result.Set(ctx, strings.Join(words, "-"))
		return
	}
	if *separator == "error" {
		resp.Error = function.NewFuncError("As the separator says.")
		return
	}
	resp.Error = resp.Result.Set(ctx, strings.Join(words, *separator))
}

// add adds two numbers exactly.
type add struct{}

func (add) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "add"
}

func (add) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Parameters: []function.Parameter{function.Int64Parameter{Name: "a"}, function.Int64Parameter{Name: "b"}},
		Return:     function.NumberReturn{},
	}
}

func (add) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var a, b int64
	if resp.Error = req.Arguments.Get(ctx, &a, &b); resp.Error != nil {
		return
	}
	sum := new(big.Int).Add(big.NewInt(a), big.NewInt(b))
	resp.Error = resp.Result.Set(ctx, new(big.Float).SetPrec(512).SetInt(sum))
}

// pick returns a list's first text, null if there is none and unknown if that is not known.
type pick struct{}

func (pick) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "pick"
}

func (pick) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Parameters: []function.Parameter{
			function.ListParameter{Name: "from", ElementType: types.StringType, AllowNullValue: true, AllowUnknownValues: true},
		},
		Return: function.StringReturn{},
	}
}

func (pick) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var from types.List
	if resp.Error = req.Arguments.Get(ctx, &from); resp.Error != nil {
		return
	}
	var picked attr.Value = types.StringNull()
	if from.IsUnknown() {
		picked = types.StringUnknown()
	} else if elements := from.Elements(); len(elements) > 0 {
		picked = elements[0]
	}
	resp.Error = resp.Result.Set(ctx, picked)
}

// describe takes an object and any value, and returns an object with both.
type describe struct{}

func (describe) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "describe"
}

func (describe) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	in := map[string]attr.Type{"name": types.StringType, "size": types.NumberType}
	out := map[string]attr.Type{"any": types.DynamicType, "name": types.StringType}
	resp.Definition = function.Definition{
		Parameters: []function.Parameter{
			function.ObjectParameter{Name: "object", AttributeTypes: in},
			function.DynamicParameter{Name: "any", AllowNullValue: true, AllowUnknownValues: true},
		},
		Return: function.ObjectReturn{AttributeTypes: out},
	}
}

func (describe) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var object types.Object
	var anything types.Dynamic
	if resp.Error = req.Arguments.Get(ctx, &object, &anything); resp.Error != nil {
		return
	}
	out := map[string]attr.Type{"any": types.DynamicType, "name": types.StringType}
	value, diagnostics := types.ObjectValue(out, map[string]attr.Value{"any": anything, "name": object.Attributes()["name"]})
	if diagnostics.HasError() {
		resp.Error = function.FuncErrorFromDiags(ctx, diagnostics)
		return
	}
	resp.Error = resp.Result.Set(ctx, value)
}
